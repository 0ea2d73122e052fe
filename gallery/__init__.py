"""The gallery: published studies as starters of the template, run at full size and judged by their claims."""
