/**
 * The experiments of the paper, one name each.
 * @module study
 */
export type { Cell, Decoding, Weights } from '../study/cell.ts';
export type { Findings, FindingChart, FindingMatrix, FindingRow, FindingText, PairedTest, Published } from '../study/findings.ts';
export type { Measured } from '../study/measured.ts';
export { runStudy } from '../study/run-study.ts';
export type { MeasuredContext, OwnName, StudyMetric, StudyWriter, WriterOptions, WriterTask } from '../study/own.ts';
export { normalizeSetting, type DomainSource, type StudyOptions, type StudySetting } from '../study/setting.ts';
export { AVAILABLE as STUDY_NAMES, findStudy } from '../study/studies.ts';
export type { StudyName } from '../study/study.ts';
export type { StudyFile } from '../study/study-file.ts';
export type { StudyHooks, StudyProgress } from '../study/study-in-progress.ts';
