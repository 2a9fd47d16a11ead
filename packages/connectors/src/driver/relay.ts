import { createServer, type Server, type Socket } from 'node:net';

export interface Relay {
  port: number;
  close(): void;
}

/**
 * A port of loopback whose first connection becomes `socket`, for drivers that only know to connect by themselves: so they too go to
 * the address that was checked, and nowhere else.
 */
export async function startRelay(socket: Socket): Promise<Relay> {
  let server: Server;
  let near: Socket | undefined;
  const close = (): void => {
    server.close();
    near?.destroy();
    socket.destroy();
  };
  server = createServer((connected) => {
    near = connected;
    server.close();
    for (const end of [connected, socket]) end.on('error', close).on('close', close);
    connected.pipe(socket).pipe(connected);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  return { port: typeof address === 'object' && address ? address.port : 0, close };
}
