#!/bin/sh
# songhua-run SERVICE: one service in the foreground, as process 1, so that it gets the signals itself.
# songhua-run declare: topics, namespace, bucket, database and migrations, then ends.
set -eu
case "${1:-}" in
  connector | landing | refresh | catalog) exec node ${SONGHUA_NODE_FLAGS:-} "/app/services/$1/dist/main.js" ;;
  declare) exec node /app/infra/dist/declare-main.js ;;
  *)
    echo "songhua-run: expected connector, landing, refresh, catalog or declare, found '${1:-}'" >&2
    exit 2
    ;;
esac
