/**
 * Finding, installing and describing libtorch; nothing here opens it, save `doctor`.
 * @module libtorch
 */
export { doctor, renderDoctor, type DoctorReport } from '../doctor.ts';
export * from '../libtorch/index.ts';
