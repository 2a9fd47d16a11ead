import { REFRESH_SIGNAL, type RefreshActivities, type RefreshTurn } from '@songhua/contracts/refresh';
import { defineSignal, proxyActivities, setHandler, sleep } from '@temporalio/workflow';

const { refreshDatasets } = proxyActivities<RefreshActivities>({ startToCloseTimeout: '1 minute' });

/** A lane that waits before it works: a change that running workflows could not survive. */
export async function refreshLane(): Promise<void> {
  const pending: RefreshTurn[] = [];
  setHandler(defineSignal<[RefreshTurn[]]>(REFRESH_SIGNAL), (syncs) => void pending.push(...syncs));
  await sleep('1 second');
  await refreshDatasets(pending);
}
