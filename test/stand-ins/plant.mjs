// Plants a fault in a process of its own, since the process does not outlive it: node plant.mjs touchOnHost guard:1
import { guard } from './preload.mjs';

const [fault, device] = process.argv.slice(2);
console.log(`came back with ${guard.planted[fault](device)}`);
