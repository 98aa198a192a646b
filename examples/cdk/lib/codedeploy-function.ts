import * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";
import * as codedeploy from "aws-cdk-lib/aws-codedeploy";
import * as lambda from "aws-cdk-lib/aws-lambda";
import { Duration } from "aws-cdk-lib";
import { Construct } from "constructs";
import { KEPT } from "./guarded-function.js";

export interface CodeDeployFunctionProps extends lambda.FunctionProps {
  readonly functionName: string;
  /** The alias that callers use. */
  readonly aliasName: string;
}

/**
 * The opposite: a deploy moves the alias, CodeDeploy does it by weights, and guardian judges what is live.
 * `guardian watch` belongs beside the deploy; `guardian rollout start` does not belong on this alias.
 */
export class CodeDeployFunction extends Construct {
  public readonly function: lambda.Function;
  public readonly alias: lambda.Alias;

  constructor(scope: Construct, id: string, props: CodeDeployFunctionProps) {
    super(scope, id);
    const { aliasName, ...options } = props;
    this.function = new lambda.Function(this, "Function", { ...options, currentVersionOptions: KEPT });
    this.alias = new lambda.Alias(this, "Alias", { aliasName, version: this.function.currentVersion });
    // CodeDeploy stops by an alarm alone. This one is coarse; what judges well is guardian.
    const failing = new cloudwatch.Alarm(this, "Failing", {
      alarmDescription: `Half of what ${props.functionName}:${aliasName} is asked fails.`,
      metric: new cloudwatch.MathExpression({
        expression: "IF(invocations > 20, errors / invocations, 0)",
        usingMetrics: {
          errors: this.alias.metricErrors({ period: Duration.minutes(1) }),
          invocations: this.alias.metricInvocations({ period: Duration.minutes(1) }),
        },
        period: Duration.minutes(1),
      }),
      threshold: 0.5,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: 3,
      datapointsToAlarm: 2,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    });
    new codedeploy.LambdaDeploymentGroup(this, "Deployment", {
      alias: this.alias,
      deploymentConfig: codedeploy.LambdaDeploymentConfig.CANARY_10PERCENT_15MINUTES,
      alarms: [failing],
      autoRollback: { failedDeployment: true, stoppedDeployment: true, deploymentInAlarm: true },
    });
  }
}
