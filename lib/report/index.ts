export { renderComparisonTable } from './comparison-text.ts';
export { renderReport, writeReport } from './report.ts';
export { makeVariant } from './variant.ts';
export type { CurveData, FactGroup, ReportContext, ReportContinuation, ReportData, ReportVariant, VariantMetrics } from './report-data.ts';
