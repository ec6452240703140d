/**
 * The report page of a run, from numbers of your own.
 * @module report
 */
export { renderComparisonTable } from '../report/comparison-text.ts';
export { renderReport, writeReport } from '../report/report.ts';
export { makeVariant } from '../report/variant.ts';
export type {
  CurveData,
  FactGroup,
  ReportContext,
  ReportContinuation,
  ReportData,
  ReportVariant,
  VariantMetrics,
} from '../report/report-data.ts';
