# What `make image` builds, runs and judges with: Debian's buildah, podman, runc and mmdebstrap, and hadolint.
for needed in buildah podman runc mmdebstrap; do
    command -v "$needed" >/dev/null || { from_debian buildah podman runc mmdebstrap uidmap; break; }
done
for needed in buildah podman runc mmdebstrap; do
    command -v "$needed" >/dev/null || absent "$needed" "install it, or run this as root where apt-get is"
done
from_python "$root/requirements/image.txt" hadolint || absent hadolint "pip could not fetch it"
