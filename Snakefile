# The study as Snakemake sees it. Each rule runs the subcommand of the same name; dvc.yaml runs the same commands.
from snakemake.utils import min_version

min_version("9.0")


configfile: "params.yaml"


report: "workflow/report/landing.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/conversations.smk"
include: "workflow/rules/annotation.smk"
include: "workflow/rules/taxonomy.smk"
include: "workflow/rules/statistics.smk"
include: "workflow/rules/publication.smk"


localrules:
    all,
    without_pdf,


rule all:
    default_target: True
    input:
        "paper/main.pdf",
        "results/provenance",


# Everything but the PDF, for machines without LaTeX.
rule without_pdf:
    input:
        "results/provenance",
