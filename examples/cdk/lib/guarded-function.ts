import * as lambda from "aws-cdk-lib/aws-lambda";
import { RemovalPolicy } from "aws-cdk-lib";
import { Construct } from "constructs";

/** What both kinds of function ask: a version that leaves the template stays, for a rollback to go to. */
export const KEPT: lambda.VersionOptions = { removalPolicy: RemovalPolicy.RETAIN };

export interface GuardedFunctionProps extends lambda.FunctionProps {
  readonly functionName: string;
  /** The alias that callers use. */
  readonly aliasName: string;
  /**
   * The published version that the alias is made with: "1" for a new function, what is live for one that
   * exists. Never change it afterwards: CloudFormation would write it to the alias.
   */
  readonly bornAt: string;
}

/**
 * A function whose alias guardian moves. A deploy publishes a version and leaves the alias alone, because
 * nothing in the template that CloudFormation writes to the alias ever changes.
 */
export class GuardedFunction extends Construct {
  public readonly function: lambda.Function;
  public readonly alias: lambda.Alias;

  constructor(scope: Construct, id: string, props: GuardedFunctionProps) {
    super(scope, id);
    const { aliasName, bornAt, ...options } = props;
    this.function = new lambda.Function(this, "Function", { ...options, currentVersionOptions: KEPT });
    this.alias = new lambda.Alias(this, "Alias", {
      aliasName,
      version: lambda.Version.fromVersionAttributes(this, "BornAt", { lambda: this.function, version: bornAt }),
    });
    // Publishes the deploy's version, and at the very first deploy does so before the alias names it.
    this.alias.node.addDependency(this.function.currentVersion);
  }
}
