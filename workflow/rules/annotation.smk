# What a language model reads off the conversations.


rule screen:
    input:
        redacted="data/interim/redacted.parquet",
        prompts=files_below("workflow/prompts"),
        weights=config["instruments"]["weights"],
        labels=config["instruments"]["labels"],
    output:
        screened="data/interim/screened.parquet",
        screening="data/interim/screening.parquet",
        rejects="data/interim/screen_rejects.parquet",
        metrics="results/metrics/screen.json",
    log:
        "logs/screen.log",
    benchmark:
        "logs/benchmarks/screen.tsv"
    conda:
        "../../envs/core.yaml"
    threads: workflow.cores
    params:
        **keys(
            "screen",
            "instruments.wanted_error",
            "llm.provider",
            "llm.model",
            "llm.temperature",
            "llm.max_failed_share",
            "llm.prices",
        ),
    message:
        "Keep the subjective conversations."
    shell:
        "WILDVALUES_LOG={log} wildvalues screen "
        "--redacted {input.redacted} "
        "--prompts workflow/prompts "
        "--weights {input.weights} "
        "--labels {input.labels} "
        "--screened {output.screened} "
        "--screening {output.screening} "
        "--rejects {output.rejects} "
        "--metrics {output.metrics}"


rule extract:
    input:
        screened="data/interim/screened.parquet",
        prompts=files_below("workflow/prompts"),
        weights=config["instruments"]["weights"],
        labels=config["instruments"]["labels"],
    output:
        annotations="data/interim/annotations.parquet",
        rejects="data/interim/extract_rejects.parquet",
        metrics="results/metrics/extract.json",
    log:
        "logs/extract.log",
    benchmark:
        "logs/benchmarks/extract.tsv"
    conda:
        "../../envs/core.yaml"
    threads: workflow.cores
    params:
        **keys(
            "extract",
            "instruments.wanted_error",
            "llm.provider",
            "llm.model",
            "llm.temperature",
            "llm.max_failed_share",
            "llm.prices",
        ),
    message:
        "Read values, response type and task off each conversation."
    shell:
        "WILDVALUES_LOG={log} wildvalues extract "
        "--screened {input.screened} "
        "--prompts workflow/prompts "
        "--weights {input.weights} "
        "--labels {input.labels} "
        "--annotations {output.annotations} "
        "--rejects {output.rejects} "
        "--metrics {output.metrics}"
