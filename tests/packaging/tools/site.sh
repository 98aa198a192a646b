# What makes a site of the documentation.
from_python "$root/requirements/site.txt" zensical || absent zensical "pip could not fetch requirements/site.txt"
