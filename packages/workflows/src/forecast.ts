import type { ReplayActivities, ReplayForecast, ReplayReference } from '@songhua/contracts/refresh';
import { proxyActivities } from '@temporalio/workflow';

const { forecastReplay } = proxyActivities<ReplayActivities>({
  startToCloseTimeout: '100 seconds',
  heartbeatTimeout: '10 seconds',
  // A person waits, and asks again.
  retry: { maximumAttempts: 1 },
});

/** Tells what a replay of rejected rows would do; changes nothing. */
export async function forecast(replay: ReplayReference): Promise<ReplayForecast> {
  return forecastReplay(replay);
}
