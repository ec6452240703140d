export type { Cell, Decoding, Weights } from './cell.ts';
export type { Findings, FindingChart, FindingMatrix, FindingRow, FindingText, PairedTest, Published } from './findings.ts';
export type { Measured } from './measured.ts';
export { runStudy } from './run-study.ts';
export { normalizeSetting, type DomainSource, type StudyOptions, type StudySetting } from './setting.ts';
export { AVAILABLE as STUDY_NAMES, findStudy } from './studies.ts';
export type { StudyName } from './study.ts';
export type { StudyFile } from './study-file.ts';
export type { StudyHooks, StudyProgress } from './study-in-progress.ts';
