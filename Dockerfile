# The base is an official slim image by its tag; a release resolves the tag and pins its digest.
ARG PYTHON_IMAGE=python:3.13-slim

# --- build: wheels by their hashes, no compiler needed, modules compiled once for all
# hadolint ignore=DL3006
FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /build
COPY requirements/build.txt requirements/runtime.txt requirements/
# pip lives beside what it installs, never in it.
RUN python3 -m venv tools \
 && python3 -m venv --without-pip /opt/guardian \
 && tools/bin/pip install --quiet --require-hashes --only-binary :all: -r requirements/build.txt \
 && tools/bin/pip --python /opt/guardian/bin/python install --quiet --no-compile \
        --require-hashes --only-binary :all: -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY docs/schemas docs/schemas
COPY config/demo.yaml config/
COPY rules rules
COPY guardian guardian
# An image's modules never change: Python need not look at their sources to believe that.
RUN tools/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir wheels . \
 && tools/bin/pip --python /opt/guardian/bin/python install --quiet --no-compile --no-deps --no-index wheels/*.whl \
 && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/guardian/lib

# --- rootfs: the base without what installs, builds or documents software, and without setuid programs.
# /var/lib/dpkg stays: scanners read in it which packages are inside. Official images bring Python's own
# modules uncompiled, and a read-only root would have them compiled anew at each start.
# hadolint ignore=DL3006
FROM ${PYTHON_IMAGE} AS rootfs
RUN echo 'guardian:x:65532:65532:guardian:/var/lib/guardian:/usr/sbin/nologin' >>/etc/passwd \
 && echo 'guardian:x:65532:' >>/etc/group \
 && install -d -o 65532 -g 65532 -m 0750 /var/lib/guardian \
 && mkdir -p /etc/guardian \
 && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
 && find /usr/lib /usr/local/lib -depth \( -path '*/python3*/ensurepip' -o -path '*/python3*/idlelib' \
        -o -path '*/python3*/tkinter' -o -path '*/python3*/turtledemo' -o -path '*/python3*/lib2to3' \
        -o -path '*-packages/pip' -o -path '*-packages/pip-*' -o -path '*-packages/setuptools*' \
        -o -path '/usr/lib/*/perl*' -o -path '/usr/lib/apt' -o -name 'libapt-p*' \) -exec rm -rf {} + \
 && rm -rf /usr/local/bin/pip* /usr/local/bin/idle* /usr/bin/perl* /usr/bin/apt* /usr/share/perl* \
        /usr/share/python-wheels /usr/share/doc /usr/share/man /usr/share/info /usr/share/locale \
        /var/lib/apt /var/cache/* /var/log/* /tmp/* \
 && python3 -m compileall -q --invalidation-mode unchecked-hash \
        "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
COPY --from=build /opt/guardian /opt/guardian

# --- the image: one layer, so that what was removed is gone and not only hidden
FROM scratch
# hadolint ignore=DL3067
COPY --from=rootfs / /
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="guardian" \
      org.opencontainers.image.description="Watches a release while it goes live on AWS and takes it back when it hurts users." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/opt/guardian/bin:/usr/local/bin:/usr/bin:/bin \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/var/lib/guardian \
    XDG_STATE_HOME=/var/lib
USER 65532:65532
# Files that a command line names without a folder, like config/production.yaml, are found from here.
WORKDIR /etc/guardian
# Where an engine makes empty volumes (Fargate does), they take owner and mode from here.
VOLUME ["/var/lib/guardian", "/tmp"]
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 CMD ["guardian", "healthcheck"]
ENTRYPOINT ["guardian"]
CMD ["run"]
