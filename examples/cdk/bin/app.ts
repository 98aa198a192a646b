import * as ec2 from "aws-cdk-lib/aws-ec2";
import { Platform } from "aws-cdk-lib/aws-ecr-assets";
import * as ecs from "aws-cdk-lib/aws-ecs";
import * as lambda from "aws-cdk-lib/aws-lambda";
import * as logs from "aws-cdk-lib/aws-logs";
import { App, CfnOutput, RemovalPolicy, Stack } from "aws-cdk-lib";
import { CodeDeployFunction } from "../lib/codedeploy-function.js";
import { GuardedFunction } from "../lib/guarded-function.js";
import { GuardianService } from "../lib/guardian-service.js";
import { RuleMetrics } from "../lib/rule-metrics.js";

const app = new App();
// The account that guardian's configuration names: guardian acts in no other.
const env = { account: "333333333333", region: "us-east-1" };

const guardian = new Stack(app, "Guardian", { env });
const vpc = new ec2.Vpc(guardian, "Vpc", {
  maxAzs: 2,
  natGateways: 0,
  subnetConfiguration: [{ name: "public", subnetType: ec2.SubnetType.PUBLIC }],
});
const service = new GuardianService(guardian, "Guardian", {
  vpc,
  image: ecs.ContainerImage.fromAsset("guardian", {
    platform: Platform.LINUX_AMD64,
    buildArgs: { GUARDIAN_IMAGE: app.node.tryGetContext("guardianImage") ?? "rollout-guardian:latest" },
  }),
  config: "/etc/guardian/config/production.yaml",
  policy: "policies/act.json",
  secrets: {
    GUARDIAN_SLACK_TOKEN: "guardian/slack-token",
    GUARDIAN_PAGERDUTY_ROUTING_KEY: "guardian/pagerduty-routing-key",
    GUARDIAN_PAGERDUTY_API_TOKEN: "guardian/pagerduty-api-token",
  },
  table: "guardian",
});
new CfnOutput(guardian, "Pages", { value: service.pages.topicArn });

const written = () => ({
  runtime: lambda.Runtime.NODEJS_22_X,
  architecture: lambda.Architecture.ARM_64,
  handler: "index.handler",
  code: lambda.Code.fromAsset("functions/api"),
  // What makes one release another, beside the code: change it to publish a version.
  description: app.node.tryGetContext("release") ?? "",
});

const agents = new Stack(app, "AgentsApi", { env });
const logGroup = new logs.LogGroup(agents, "Logs", {
  retention: logs.RetentionDays.ONE_MONTH,
  removalPolicy: RemovalPolicy.RETAIN,
});
const guarded = new GuardedFunction(agents, "Api", {
  ...written(),
  functionName: "agents-api",
  aliasName: "live",
  bornAt: "1",
  logGroup,
});
new RuleMetrics(agents, "Metrics", { logGroup, dimension: app.node.tryGetContext("dimension") ?? "Version" });
// What the pipeline hands to guardian: guardian rollout start agents-api --to VERSION
new CfnOutput(agents, "PublishedVersion", { value: guarded.function.currentVersion.version });

const billing = new Stack(app, "BillingApi", { env });
new CodeDeployFunction(billing, "Api", { ...written(), functionName: "billing-api", aliasName: "live" });
