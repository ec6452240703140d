/**
 * Blind preference studies: the page, its server, the score, a language model as a judge.
 * @module compare
 */
export { latestAnswers, type Answer, type Choice } from '../compare/answer.ts';
export { readAnswers } from '../compare/answers-file.ts';
export { buildStudy, type BuildOptions, type BuiltStudy } from '../compare/build.ts';
export { readVariants } from '../compare/generation-file.ts';
export { judgeStudy, type JudgeOptions, type JudgeProgress, type JudgeResult } from '../compare/judge.ts';
export { presentations, type Presentation } from '../compare/order.ts';
export { renderStudyPage } from '../compare/page.ts';
export { scoreStudy, type GroupScore, type StudyScore } from '../compare/score.ts';
export { renderScore } from '../compare/score-text.ts';
export { readStudy, readStudyKey, writeStudy } from '../compare/study-files.ts';
export type { AnnotatorScore, SideBias } from '../compare/annotator-score.ts';
export type { PairScore, Share } from '../compare/pair-score.ts';
export type { KeyItem, Study, StudyItem, StudyKey } from '../compare/study.ts';
export type { TextVariant, VariantText } from '../compare/variant.ts';
export { serveStudy, type StudyServer } from '../compare/server.ts';
