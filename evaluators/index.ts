// What others may import as `gauntlet/evaluators`; docs/evaluators.md has a section for every function.
export { EvaluatorError, type EvaluatorErrorCode } from './errors.js'

export { rouge, scoreRouge, ROUGE_TYPES, type RougeOptions, type RougeType } from './text/rouge.js'
export { tokenizeRouge, type RougeText } from './text/tokenizer.js'
export { stemPorter } from './text/porter.js'
export type { PrecisionRecallF1 } from './text/overlap.js'
export { bootstrapMeans, type BootstrapInterval, type Resampling } from './text/aggregate.js'
export { normalizeAnswer, scoreSquad, type SquadScore } from './text/squad.js'
export {
  corpusBleu, countBleu, mergeBleuCounts, scoreBleu, sentenceBleu, type BleuCounts, type BleuOptions, type BleuScore
} from './text/bleu.js'
export { tokenize13a } from './text/tokenizer-13a.js'
export {
  corpusChrf, countChrf, mergeChrfCounts, scoreChrf, sentenceChrf, type ChrfCounts, type ChrfOptions
} from './text/chrf.js'
export {
  corpusDistinctN, distinctN, measureLength, measureRepetition, tokenizeWords, type Repetition, type TextLength
} from './text/descriptors.js'

export {
  confusionMatrix, countConfusion, mergeConfusions, type Confusion, type ConfusionCell, type Label
} from './classification/confusion.js'
export {
  classificationScores, type ClassificationScores, type ClassScores, type PrecisionRecall
} from './classification/scores.js'
export { rankingScores, type RankingScores } from './classification/ranking.js'
export {
  calibration, probabilityLosses, type Binning, type Calibration, type CalibrationBin, type ProbabilityLosses
} from './classification/calibration.js'
export { regressionScores, type RegressionScores } from './classification/regression.js'
export {
  labelAgreement, numericAgreement, type LabelAgreement, type NumericAgreement
} from './classification/agreement.js'

export { welchTest, type Interval, type UndefinedReason, type WelchTest } from './statistics/welch.js'
export {
  equivalenceTest, pairedEquivalenceTest, type EquivalenceBounds, type EquivalenceTest
} from './statistics/tost.js'
export { mannWhitney, mannWhitneyExact, type MannWhitney } from './statistics/mann-whitney.js'
export {
  clopperPearsonInterval, compareProportions, wilsonInterval, type ProportionComparison
} from './statistics/proportion-tests.js'
export {
  benjaminiHochberg, benjaminiYekutieli, bonferroni, holm, rejectAt
} from './statistics/multiple-testing.js'
export { describeSample, quantile, type SampleDescription, type Spread } from './statistics/descriptive.js'
export {
  daysToCollect, differenceVariance, provableGap, samplesToDecide, samplesToDistinguish, type ArmSpread,
  type SequentialPlan
} from './statistics/power.js'
export {
  detectableEffect, powerAt, proportionSamplesPerArm, samplePairs, samplesPerArm, samplesPerArmOfT, type MeanPlan,
  type ProportionPlan
} from './statistics/sample-size.js'
export { noncentralTUpper } from './statistics/noncentral-t.js'

export {
  judgeCanary, JUDGE_NAMES, type JudgedGroup, type JudgedMetric, type JudgeOptions, type JudgePreset, type JudgeResult
} from './judge/judge.js'
export {
  parseCanaryConfig, type CanaryConfig, type CanaryMetricConfig, type EffectSizeConfig
} from './judge/config.js'
export { parseMetricSeries, type MetricSeries } from './judge/series.js'
export {
  classifyByMeans, classifyByShift, type Classification, type Direction, type EffectMeasure, type EffectSizeRules,
  type MetricClassification, type MetricRules, type NanStrategy, type ShiftComparison, type ShiftRules
} from './judge/classify.js'
export {
  estimateScaledShift, estimateShift, shiftStatistic, type ShiftEstimate, type Sides
} from './judge/rank-shift.js'
export {
  labelScore, scoreCanary, type CanaryScore, type GroupScore, type ScoredMetric, type ScoreLabel, type ScoreThresholds
} from './judge/score.js'
export {
  concludeRun, judgementWindows, type JudgementWindow, type RunConclusion, type RunSchedule
} from './judge/run.js'
export {
  cohensD, commonLanguageEffectSize, meanRatio, percentileR7, summariseSide, type SideSummary
} from './judge/describe.js'
export {
  detectOutliersByQuartiles, detectOutliersBySigma, quartileFences, removeNaN, removeOutliers, replaceNaN,
  type FenceOptions, type Fences
} from './judge/transform.js'

export {
  decide, levelsOf, sequenceLevels, type AnalysisSpec, type ArmEvidence, type Budget, type Decision, type DriftFinding,
  type Eta, type Evidence, type Gate, type HealthEvidence, type HealthFinding, type Margin, type MetricSpec,
  type MetricVerdict, type PairEvidence, type StageCounts, type Stratum, type Verdict
} from './verdict.js'

export {
  bertScore, bertScoreMultiReference, isEmptyText, type BertScore, type BertScoreBaseline, type BertScoreOptions
} from './text/bertscore.js'
export { packRows, type TokenEmbeddings } from './text/token-embeddings.js'
export { countDocumentFrequencies, idfWeights, type DocumentFrequencies } from './text/inverse-document-frequency.js'
export { cosineSimilarities, cosineSimilarity, measureCoherence, type Coherence } from './text/embeddings.js'
export {
  measureGroundedness, type Groundedness, type OutputSentence, type SentenceSupport
} from './text/groundedness.js'
export { splitSentences, type Sentence } from './text/sentences.js'

export {
  kolmogorovSmirnov, kolmogorovSmirnovExactP, kolmogorovSmirnovLimitP, kolmogorovSmirnovRoundedP,
  kolmogorovSmirnovStephensP, type KolmogorovSmirnov
} from './drift/kolmogorov-smirnov.js'
export {
  populationStability, stabilityOfCounts, type PopulationStability, type StabilityBins
} from './drift/population-stability.js'
export {
  greatestDifference, hellingerDistance, jensenShannonDistance, kullbackLeibler, totalVariation
} from './drift/distances.js'
export { energyDistance, wasserstein1, wasserstein1Normed } from './drift/wasserstein.js'
export { cramerVonMises, type CramerVonMises } from './drift/cramer-von-mises.js'
export { andersonDarling, type AndersonDarling } from './drift/anderson-darling.js'
export {
  maximumMeanDiscrepancy, type MaximumMeanDiscrepancy, type MmdOptions
} from './drift/maximum-mean-discrepancy.js'
export { centroidCosineDistance, centroidDistance, type Vectors } from './drift/embeddings.js'
export {
  chiSquareTest, cramersV, fisherExact, gTest, yatesTest, type ChiSquare, type CountTable, type FisherExact
} from './statistics/contingency.js'
export { buildVocabulary, describeText, outOfVocabularyRate, type TextDescriptors } from './drift/text-descriptors.js'
export {
  classifyDomains, type DomainClassifierOptions, type DomainClassifierResult
} from './drift/domain-classifier.js'
export {
  startPageHinkley, updatePageHinkley, type PageHinkleySettings, type PageHinkleyState, type StreamLevel,
  type StreamStep
} from './drift/page-hinkley.js'
export { calibrateDdm, calibratePageHinkley, type CalibrationOptions } from './drift/calibrate-streams.js'
export { startDdm, updateDdm, type DdmSettings, type DdmState } from './drift/ddm.js'
export {
  adwinMean, startAdwin, updateAdwin, type AdwinBucket, type AdwinSettings, type AdwinState
} from './drift/adwin.js'
export { inferColumns } from './drift/infer-columns.js'
export { sketchColumn, sketchTable, type SketchOptions, type TableSketch } from './drift/sketch.js'
export { sketchBaseline, type BaselineOptions, type BaselineResult } from './drift/baseline.js'
export type { Aggregation } from './drift/aggregate.js'
export { mergeSketches } from './drift/merge-sketches.js'
export { parseSketch } from './drift/parse-sketch.js'
export { detectDrift, type DriftOptions } from './drift/detect.js'

export { anytimeP, oneSidedHalfWidth, twoSidedHalfWidth, type SequenceInput } from './statistics/sequences.js'
export {
  armMean, differenceSequence, meanSequence, pairedSequence, relativeLiftSequence, type MeanSequence,
  type SequenceOptions, type TwoArms
} from './statistics/mean-sequences.js'
export {
  difference, relativeLift, stratifiedMeans, type ArmMean, type Estimate, type MeanStratum, type StratifiedMeans
} from './statistics/strata.js'
export { mergeMoments, Moments, varianceOfMean, type MomentsSummary } from './statistics/moments.js'
export { mergePairMoments, pairMoments, PairMoments, type PairMomentsSummary } from './statistics/pair-moments.js'
export {
  adjustedMean, adjustForCovariate, pooledTheta, type CovariateAdjustment, type CovariateArms
} from './statistics/cuped.js'
export { ratioEstimate, ratioMean } from './statistics/ratio.js'
export {
  EmpiricalBernstein, empiricalBernsteinInterval, type EmpiricalBernsteinInterval, type EmpiricalBernsteinJson,
  type EmpiricalBernsteinOptions
} from './statistics/empirical-bernstein.js'
export {
  compareEventShares, eventShareAt, logEvidence, ratioInterval, type EventShareOptions, type EventShareResult,
  type EventStratum, type RatioInterval
} from './statistics/event-share.js'
export {
  compareMissingOutcomes, type MissingOutcomesOptions, type MissingOutcomesResult
} from './statistics/missing-outcomes.js'
export {
  expectedEvents, proportionSequence, stratifiedProportions, type Tally, type TallyStratum
} from './statistics/proportions.js'
export {
  chiSquareSampleRatio, sampleRatioEvidence, testSampleRatio, type GoodnessOfFit, type SampleRatioOptions,
  type SampleRatioResult, type SplitCounts
} from './statistics/sample-ratio.js'
export {
  hasTail, quantileEstimate, quantileType1, quantileType7, ranked, type QuantileEstimate, type Ranked
} from './statistics/quantiles.js'
export { quantileInflation, quantileSequence, type QuantileBounds } from './statistics/quantile-sequence.js'
export { LogHistogram, type LogHistogramJson } from './statistics/histogram.js'
export { seededRandom, type Random } from './statistics/random.js'

export type {
  ColumnKind, Columns, DriftEffect, DriftMeasure, DriftP, DriftResult, DriftRow, DriftStatus, Table
} from './drift/drift-result.js'
export type {
  CategoricalSketch, ColumnSketch, EmbeddingSketch, NumericSketch, TextSketch
} from './drift/column-sketch.js'
