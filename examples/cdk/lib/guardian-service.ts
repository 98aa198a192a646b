import * as fs from "node:fs";
import * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";
import * as actions from "aws-cdk-lib/aws-cloudwatch-actions";
import * as dynamodb from "aws-cdk-lib/aws-dynamodb";
import * as ec2 from "aws-cdk-lib/aws-ec2";
import * as ecs from "aws-cdk-lib/aws-ecs";
import * as iam from "aws-cdk-lib/aws-iam";
import * as logs from "aws-cdk-lib/aws-logs";
import * as secretsmanager from "aws-cdk-lib/aws-secretsmanager";
import * as sns from "aws-cdk-lib/aws-sns";
import { Duration, RemovalPolicy } from "aws-cdk-lib";
import { Construct } from "constructs";

const BEAT = { beat: "guardian" };

/** A line each minute in which the daemon's loop moves; the alarm is on their absence. */
const HEARTBEAT = `trap 'exit 0' TERM; while true; do said=$(guardian healthcheck) && echo '${JSON.stringify(BEAT)}' || echo "$said"; sleep 60 & wait $!; done`;

export interface GuardianServiceProps {
  readonly vpc: ec2.IVpc;
  readonly image: ecs.ContainerImage;
  /** The configuration's path in the image. */
  readonly config: string;
  /** The file with what `guardian iam` printed for that configuration. */
  readonly policy: string;
  /** Variables that guardian takes from Secrets Manager, and the secrets' names. */
  readonly secrets: Readonly<Record<string, string>>;
  /** The journal's table, as the configuration names it: `journal: dynamodb:NAME`. */
  readonly table: string;
}

/** One guardian daemon beside production. */
export class GuardianService extends Construct {
  public readonly taskRole: iam.Role;
  /** Where the heartbeat's alarm goes: subscribe who is to be woken. */
  public readonly pages: sns.Topic;

  constructor(scope: Construct, id: string, props: GuardianServiceProps) {
    super(scope, id);
    this.taskRole = new iam.Role(this, "TaskRole", {
      description: "What guardian acts with: printed by guardian iam.",
      assumedBy: new iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
      inlinePolicies: { guardian: iam.PolicyDocument.fromJson(JSON.parse(fs.readFileSync(props.policy, "utf8"))) },
    });
    new dynamodb.Table(this, "Journal", {
      tableName: props.table,
      partitionKey: { name: "pk", type: dynamodb.AttributeType.STRING },
      sortKey: { name: "sk", type: dynamodb.AttributeType.STRING },
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    const logGroup = new logs.LogGroup(this, "Logs", {
      retention: logs.RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    new ecs.FargateService(this, "Service", {
      cluster: new ecs.Cluster(this, "Cluster", { vpc: props.vpc }),
      taskDefinition: this.task(props, logGroup),
      // A deploy starts the new daemon beside the old one: it stands by until that one leaves, and goes on.
      desiredCount: 1,
      minHealthyPercent: 100,
      maxHealthyPercent: 200,
      circuitBreaker: { enable: true, rollback: true },
      // The way out to AWS, Slack and PagerDuty. Nothing comes in: the security group has no ingress.
      assignPublicIp: true,
    });
    this.pages = new sns.Topic(this, "Pages", { enforceSSL: true });
    this.heartbeatAlarm(logGroup);
  }

  private task(props: GuardianServiceProps, logGroup: logs.ILogGroup): ecs.FargateTaskDefinition {
    const task = new ecs.FargateTaskDefinition(this, "Task", {
      cpu: 256,
      memoryLimitMiB: 512,
      taskRole: this.taskRole,
      volumes: [{ name: "tmp" }],
    });
    const both = {
      image: props.image,
      essential: true,
      readonlyRootFilesystem: true,
    };
    const guardian = task.addContainer("guardian", {
      ...both,
      command: ["run"],
      environment: {
        GUARDIAN_CONFIG: props.config,
        // The image's own journal is a file, and the variable wins over the configuration.
        GUARDIAN_JOURNAL: `dynamodb:${props.table}`,
        GUARDIAN_LOG_FORMAT: "json",
      },
      secrets: this.secrets(props.secrets),
      logging: ecs.LogDrivers.awsLogs({ logGroup, streamPrefix: "daemon" }),
      // ECS replaces a task whose loop stands still.
      healthCheck: {
        command: ["CMD", "guardian", "healthcheck"],
        interval: Duration.seconds(30),
        timeout: Duration.seconds(10),
        retries: 3,
        startPeriod: Duration.seconds(60),
      },
      // SIGTERM leaves within 10 seconds; writes under way are awaited.
      stopTimeout: Duration.seconds(30),
    });
    guardian.addMountPoints({ sourceVolume: "tmp", containerPath: "/tmp", readOnly: false });
    task.addContainer("heartbeat", {
      ...both,
      entryPoint: ["sh", "-c"],
      command: [HEARTBEAT],
      logging: ecs.LogDrivers.awsLogs({ logGroup, streamPrefix: "heartbeat" }),
      stopTimeout: Duration.seconds(30),
    });
    return task;
  }

  private secrets(named: Readonly<Record<string, string>>): Record<string, ecs.Secret> {
    return Object.fromEntries(
      Object.entries(named).map(([variable, name]) => [
        variable,
        ecs.Secret.fromSecretsManager(secretsmanager.Secret.fromSecretNameV2(this, variable, name)),
      ]),
    );
  }

  private heartbeatAlarm(logGroup: logs.ILogGroup): void {
    const beats = new logs.MetricFilter(this, "Heartbeats", {
      logGroup,
      metricNamespace: "Guardian",
      metricName: "Heartbeats",
      filterPattern: logs.FilterPattern.stringValue("$.beat", "=", BEAT.beat),
      metricValue: "1",
    });
    const alarm = new cloudwatch.Alarm(this, "Heartbeat", {
      alarmDescription: "No sign of guardian for five minutes: releases are not watched, and traffic stays as it is.",
      metric: beats.metric({ statistic: "Sum", period: Duration.minutes(1) }),
      threshold: 1,
      comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
      evaluationPeriods: 5,
      datapointsToAlarm: 5,
      treatMissingData: cloudwatch.TreatMissingData.BREACHING,
    });
    alarm.addAlarmAction(new actions.SnsAction(this.pages));
    alarm.addOkAction(new actions.SnsAction(this.pages));
  }
}
