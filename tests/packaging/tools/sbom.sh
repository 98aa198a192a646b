# What writes a release's bill of materials.
from_python "$root/requirements/release.txt" cyclonedx-py ||
    absent cyclonedx-py "pip could not fetch requirements/release.txt"
