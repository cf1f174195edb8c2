# From raw logs to the redacted sample.


rule ingest:
    input:
        input=files_below(config["ingest"]["input"], config["ingest"]["files"]),
    output:
        conversations="data/interim/conversations.parquet",
        rejects="data/interim/ingest_rejects.parquet",
        metrics="results/metrics/ingest.json",
    log:
        "logs/ingest.log",
    benchmark:
        "logs/benchmarks/ingest.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        **keys("ingest"),
        input=lambda wildcards: config["ingest"]["input"],
    message:
        "Read logs of any supported format into one conversation table."
    shell:
        "WILDVALUES_LOG={log} wildvalues ingest "
        "--input {params.input} "
        "--conversations {output.conversations} "
        "--rejects {output.rejects} "
        "--metrics {output.metrics}"


rule sample:
    input:
        conversations="data/interim/conversations.parquet",
    output:
        sample="data/interim/sample.parquet",
        metrics="results/metrics/sample.json",
    log:
        "logs/sample.log",
    benchmark:
        "logs/benchmarks/sample.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        **keys("sample", "study.seed"),
    message:
        "Choose the conversations of the study."
    shell:
        "WILDVALUES_LOG={log} wildvalues sample "
        "--conversations {input.conversations} "
        "--sample {output.sample} "
        "--metrics {output.metrics}"


rule redact:
    input:
        sample="data/interim/sample.parquet",
    output:
        redacted="data/interim/redacted.parquet",
        redactions="data/interim/redactions.parquet",
        metrics="results/metrics/redact.json",
    log:
        "logs/redact.log",
    benchmark:
        "logs/benchmarks/redact.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        **keys("redact"),
    message:
        "Mask personal data before any model reads the text."
    shell:
        "WILDVALUES_LOG={log} wildvalues redact "
        "--sample {input.sample} "
        "--redacted {output.redacted} "
        "--redactions {output.redactions} "
        "--metrics {output.metrics}"
