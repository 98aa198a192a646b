import * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";
import * as logs from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";

/** What the shipped rules read beside AWS's own metrics, and the field of the log line that has it. */
const MEASURES: readonly (readonly [namespace: string, metric: string, field: string, unit: cloudwatch.Unit])[] = [
  ["EnergyInsights/Api", "Requests", "requests", cloudwatch.Unit.COUNT],
  ["EnergyInsights/Api", "FailedRequests", "failedRequests", cloudwatch.Unit.COUNT],
  ["EnergyInsights/Agents", "TasksFinished", "tasksFinished", cloudwatch.Unit.COUNT],
  ["EnergyInsights/Agents", "TasksSucceeded", "tasksSucceeded", cloudwatch.Unit.COUNT],
  ["EnergyInsights/Agents", "ResponseTime", "responseTime", cloudwatch.Unit.MILLISECONDS],
  ["EnergyInsights/Artifacts", "GenerationTime", "generationTime", cloudwatch.Unit.MILLISECONDS],
];

export interface RuleMetricsProps {
  /** Where the function writes one JSON line for each request. */
  readonly logGroup: logs.ILogGroup;
  /** The one dimension: its name, and the field of the line that has its value. */
  readonly dimension: "Version" | "Stage";
}

/**
 * The metrics of the shipped rules, made of what a function logs:
 * `{"version": "42", "stage": "production", "requests": 1, "failedRequests": 0}`. A count that is 0 is logged
 * as 0. Each value of the dimension is a metric of its own on the bill.
 */
export class RuleMetrics extends Construct {
  constructor(scope: Construct, id: string, props: RuleMetricsProps) {
    super(scope, id);
    const from = { Version: "$.version", Stage: "$.stage" }[props.dimension];
    for (const [namespace, metric, field, unit] of MEASURES) {
      new logs.MetricFilter(this, metric, {
        logGroup: props.logGroup,
        metricNamespace: namespace,
        metricName: metric,
        filterPattern: logs.FilterPattern.all(
          logs.FilterPattern.exists(from),
          logs.FilterPattern.numberValue(`$.${field}`, ">=", 0),
        ),
        metricValue: `$.${field}`,
        unit,
        dimensions: { [props.dimension]: from },
      });
    }
  }
}
