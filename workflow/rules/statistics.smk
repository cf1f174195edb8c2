# Statistics, the privacy gate, and the instrument against gold labels.


rule analyze:
    input:
        screened="data/interim/screened.parquet",
        annotations="data/interim/annotations.parquet",
        mentions="data/interim/mentions.parquet",
        taxonomy="data/interim/edited.parquet",
        edits="data/interim/edits.parquet",
        embeddings="data/interim/embeddings.parquet",
        assessed="data/interim/assessed",
        ingest_metrics="results/metrics/ingest.json",
        sample_metrics="results/metrics/sample.json",
        redact_metrics="results/metrics/redact.json",
        screen_metrics="results/metrics/screen.json",
        extract_metrics="results/metrics/extract.json",
        canonicalize_metrics="results/metrics/canonicalize.json",
        cluster_metrics="results/metrics/cluster.json",
        name_metrics="results/metrics/name.json",
        assess_metrics="results/metrics/assess.json",
        edit_metrics="results/metrics/edit.json",
    output:
        processed=directory("data/processed"),
    log:
        "logs/analyze.log",
    benchmark:
        "logs/benchmarks/analyze.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        **keys("analyze", "study.seed"),
    message:
        "Compute all statistics."
    shell:
        "WILDVALUES_LOG={log} wildvalues analyze "
        "--screened {input.screened} "
        "--annotations {input.annotations} "
        "--mentions {input.mentions} "
        "--taxonomy {input.taxonomy} "
        "--edits {input.edits} "
        "--embeddings {input.embeddings} "
        "--assessed {input.assessed} "
        "--ingest-metrics {input.ingest_metrics} "
        "--sample-metrics {input.sample_metrics} "
        "--redact-metrics {input.redact_metrics} "
        "--screen-metrics {input.screen_metrics} "
        "--extract-metrics {input.extract_metrics} "
        "--canonicalize-metrics {input.canonicalize_metrics} "
        "--cluster-metrics {input.cluster_metrics} "
        "--name-metrics {input.name_metrics} "
        "--assess-metrics {input.assess_metrics} "
        "--edit-metrics {input.edit_metrics} "
        "--processed {output.processed}"


rule disclose:
    input:
        processed="data/processed",
    output:
        tables=report(
            directory("results/tables"),
            patterns=["{table}.csv"],
            caption="../report/table.rst",
            category="Tables",
        ),
        metrics="results/metrics/disclose.json",
    log:
        "logs/disclose.log",
    benchmark:
        "logs/benchmarks/disclose.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        **keys("disclose"),
    message:
        "Let out what is common enough to be published."
    shell:
        "WILDVALUES_LOG={log} wildvalues disclose "
        "--processed {input.processed} "
        "--tables {output.tables} "
        "--metrics {output.metrics}"


rule validate:
    input:
        screening="data/interim/screening.parquet",
        annotations="data/interim/annotations.parquet",
        gold=config["validate"]["gold"],
    output:
        validation="results/metrics/validation.json",
    log:
        "logs/validate.log",
    benchmark:
        "logs/benchmarks/validate.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        **keys("validate", "embed.model"),
    message:
        "Hold the instrument against gold labels."
    shell:
        "WILDVALUES_LOG={log} wildvalues validate "
        "--screening {input.screening} "
        "--annotations {input.annotations} "
        "--gold {input.gold} "
        "--validation {output.validation}"
