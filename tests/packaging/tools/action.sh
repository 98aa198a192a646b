# The judge of the scripts that the action runs on users' machines: Debian's shellcheck.
command -v shellcheck >/dev/null || from_debian shellcheck ||
    absent shellcheck "install it, or run this as root where apt-get is"
