# What the wheel is installed into: the runtime's requirements, by their hashes, and nothing else.
from_python "$root/requirements/runtime.txt" || absent "a whole set of requirements/runtime.txt" "pip could not fetch it"
