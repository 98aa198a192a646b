// A stand-in for your function: it answers, and logs the one line that RuleMetrics makes metrics of.
// It goes straight to stdout, because console.log would put the time and the request's id before it.
const STAGE = process.env.STAGE ?? "production";

export const handler = async (event, context) => {
  let failed = 1;
  try {
    const answer = await answered(event);
    failed = answer.statusCode >= 500 ? 1 : 0;
    return answer;
  } finally {
    const line = { version: context.functionVersion, stage: STAGE, requests: 1, failedRequests: failed };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  }
};

const answered = async (event) => ({ statusCode: event?.fail ? 500 : 200, body: "hello" });
