// A waiting OpenMP thread spins for 300,000 rounds before it sleeps, up to a whole time slice when another thread
// holds its core: with two busy cores a 0.04 ms operation then takes 8 ms. 2000 rounds are about as long as a wake-up
// takes: the idle machine loses nothing, the busy one 0.14 ms. Pinning (OMP_PROC_BIND) is left out: libgomp pins the
// thread that loads it, Node's main thread, and the compute thread would inherit its one core.
const SPINS = '2000';

const USERS_OWN = ['GOMP_SPINCOUNT', 'OMP_WAIT_POLICY', 'OMP_PROC_BIND', 'GOMP_CPU_AFFINITY'];

/** Sets how long OpenMP threads wait awake, unless the user decided. Of use only before libgomp is loaded. */
export function settleOpenMP(env: NodeJS.ProcessEnv): void {
  if (USERS_OWN.every((name) => env[name] === undefined)) env.GOMP_SPINCOUNT = SPINS;
}
