# What readers see. These rules read nothing but results/, paper/ and prompts.


rule plot:
    input:
        tables="results/tables",
        validation="results/metrics/validation.json",
        published="data/reference/published.yaml",
    output:
        figures=report(
            directory("results/figures"),
            patterns=["{figure}.svg"],
            caption="../report/figure.rst",
            category="Figures",
        ),
    log:
        "logs/plot.log",
    benchmark:
        "logs/benchmarks/plot.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        **keys("plot", "study"),
    message:
        "Draw the figures."
    shell:
        "WILDVALUES_LOG={log} wildvalues plot "
        "--tables {input.tables} "
        "--validation {input.validation} "
        "--published {input.published} "
        "--figures {output.figures}"


rule release:
    input:
        tables="results/tables",
    output:
        dataset=directory("results/dataset"),
    log:
        "logs/release.log",
    benchmark:
        "logs/benchmarks/release.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        **keys("release", "study"),
    message:
        "Write the open dataset."
    shell:
        "WILDVALUES_LOG={log} wildvalues release "
        "--tables {input.tables} "
        "--dataset {output.dataset}"


rule explore:
    input:
        tables="results/tables",
        validation="results/metrics/validation.json",
    output:
        explorer=directory("results/explorer"),
    log:
        "logs/explore.log",
    benchmark:
        "logs/benchmarks/explore.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        **keys("study"),
    message:
        "Make the page to explore the study."
    shell:
        "WILDVALUES_LOG={log} wildvalues explore "
        "--tables {input.tables} "
        "--validation {input.validation} "
        "--explorer {output.explorer}"


rule typeset:
    input:
        tables="results/tables",
        figures="results/figures",
        validation="results/metrics/validation.json",
        disclosure="results/metrics/disclose.json",
        source=files_below("paper/source"),
    output:
        build=directory("paper/build"),
        pdf="paper/main.pdf",
    log:
        "logs/typeset.log",
    benchmark:
        "logs/benchmarks/typeset.tsv"
    conda:
        "../../envs/tex.yaml"
    params:
        **keys(
            "study",
            "llm.provider",
            "llm.model",
            "screen",
            "extract",
            "embed",
            "cluster",
            "analyze",
            "disclose",
            "plot",
        ),
    message:
        "Typeset the paper."
    shell:
        "WILDVALUES_LOG={log} wildvalues typeset "
        "--tables {input.tables} "
        "--figures {input.figures} "
        "--validation {input.validation} "
        "--disclosure {input.disclosure} "
        "--source paper/source "
        "--build {output.build} "
        "--pdf {output.pdf}"


rule trace:
    input:
        tables="results/tables",
        figures="results/figures",
        dataset="results/dataset",
        explorer="results/explorer",
        validation="results/metrics/validation.json",
        prompts=files_below("workflow/prompts"),
    output:
        provenance=directory("results/provenance"),
    log:
        "logs/trace.log",
    benchmark:
        "logs/benchmarks/trace.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        **keys(
            "study",
            "release",
            "ingest",
            "sample",
            "redact",
            "screen",
            "extract",
            "canonicalize",
            "embed",
            "cluster",
            "name",
            "edit",
            "analyze",
            "disclose",
            "validate",
            "plot",
            "llm.provider",
            "llm.model",
            "llm.temperature",
        ),
    message:
        "Record how every result was made."
    shell:
        "WILDVALUES_LOG={log} wildvalues trace "
        "--tables {input.tables} "
        "--figures {input.figures} "
        "--dataset {input.dataset} "
        "--explorer {input.explorer} "
        "--validation {input.validation} "
        "--prompts workflow/prompts "
        "--provenance {output.provenance}"
