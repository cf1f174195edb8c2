# From strings to a named hierarchy.


rule canonicalize:
    input:
        annotations="data/interim/annotations.parquet",
        vetoes=if_there(config["canonicalize"]["vetoes"]),
        prompts=files_below("workflow/prompts"),
    output:
        mentions="data/interim/mentions.parquet",
        vocabulary="data/interim/vocabulary.parquet",
        merges="data/interim/merges.csv",
        metrics="results/metrics/canonicalize.json",
    log:
        "logs/canonicalize.log",
    benchmark:
        "logs/benchmarks/canonicalize.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        **keys(
            "canonicalize",
            "embed.model",
            "llm.provider",
            "llm.model",
            "llm.temperature",
            "llm.prices",
        ),
        vetoes=lambda wildcards: config["canonicalize"]["vetoes"],
    message:
        "Merge the names of one value."
    shell:
        "WILDVALUES_LOG={log} wildvalues canonicalize "
        "--annotations {input.annotations} "
        "--vetoes {params.vetoes} "
        "--prompts workflow/prompts "
        "--mentions {output.mentions} "
        "--vocabulary {output.vocabulary} "
        "--merges {output.merges} "
        "--metrics {output.metrics}"


rule embed:
    input:
        vocabulary="data/interim/vocabulary.parquet",
    output:
        embeddings="data/interim/embeddings.parquet",
    log:
        "logs/embed.log",
    benchmark:
        "logs/benchmarks/embed.tsv"
    conda:
        "../../envs/core.yaml"
    threads: workflow.cores
    params:
        **keys("embed.model"),
    message:
        "Turn values and tasks into vectors."
    shell:
        "WILDVALUES_LOG={log} wildvalues embed "
        "--vocabulary {input.vocabulary} "
        "--embeddings {output.embeddings}"


rule cluster:
    input:
        embeddings="data/interim/embeddings.parquet",
        vocabulary="data/interim/vocabulary.parquet",
        prompts=files_below("workflow/prompts"),
    output:
        clusters="data/interim/clusters.parquet",
        metrics="results/metrics/cluster.json",
    log:
        "logs/cluster.log",
    benchmark:
        "logs/benchmarks/cluster.tsv"
    conda:
        "../../envs/core.yaml"
    threads: workflow.cores
    params:
        **keys(
            "cluster",
            "name.members",
            "name.contrast",
            "name.look_alike",
            "llm.provider",
            "llm.model",
            "llm.temperature",
            "llm.prices",
        ),
    message:
        "Build the hierarchy of every facet."
    shell:
        "WILDVALUES_LOG={log} wildvalues cluster "
        "--embeddings {input.embeddings} "
        "--vocabulary {input.vocabulary} "
        "--prompts workflow/prompts "
        "--clusters {output.clusters} "
        "--metrics {output.metrics}"


rule name:
    input:
        clusters="data/interim/clusters.parquet",
        embeddings="data/interim/embeddings.parquet",
        vocabulary="data/interim/vocabulary.parquet",
        prompts=files_below("workflow/prompts"),
    output:
        taxonomy="data/interim/taxonomy.parquet",
        metrics="results/metrics/name.json",
    log:
        "logs/name.log",
    benchmark:
        "logs/benchmarks/name.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        **keys(
            "name",
            "llm.provider",
            "llm.model",
            "llm.temperature",
            "llm.prices",
        ),
    message:
        "Name the clusters."
    shell:
        "WILDVALUES_LOG={log} wildvalues name "
        "--clusters {input.clusters} "
        "--embeddings {input.embeddings} "
        "--vocabulary {input.vocabulary} "
        "--prompts workflow/prompts "
        "--taxonomy {output.taxonomy} "
        "--metrics {output.metrics}"


rule edit:
    input:
        taxonomy="data/interim/taxonomy.parquet",
        vocabulary="data/interim/vocabulary.parquet",
        edits=if_there(config["edit"]["file"]),
    output:
        edited="data/interim/edited.parquet",
        applied="data/interim/edits.parquet",
        metrics="results/metrics/edit.json",
    log:
        "logs/edit.log",
    benchmark:
        "logs/benchmarks/edit.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        **keys("edit"),
        edits=lambda wildcards: config["edit"]["file"],
    message:
        "Apply the edits made by hand."
    shell:
        "WILDVALUES_LOG={log} wildvalues edit "
        "--taxonomy {input.taxonomy} "
        "--vocabulary {input.vocabulary} "
        "--edits {params.edits} "
        "--edited {output.edited} "
        "--applied {output.applied} "
        "--metrics {output.metrics}"


rule assess:
    input:
        mentions="data/interim/mentions.parquet",
        vocabulary="data/interim/vocabulary.parquet",
        embeddings="data/interim/embeddings.parquet",
        clusters="data/interim/clusters.parquet",
        taxonomy="data/interim/edited.parquet",
    output:
        assessed=directory("data/interim/assessed"),
        metrics="results/metrics/assess.json",
    log:
        "logs/assess.log",
    benchmark:
        "logs/benchmarks/assess.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        **keys(
            "assess",
            "cluster",
            "embed.model",
            "canonicalize.min_conversations",
            "study.seed",
        ),
    message:
        "Measure how good the trees are and how firmly they stand."
    shell:
        "WILDVALUES_LOG={log} wildvalues assess "
        "--mentions {input.mentions} "
        "--vocabulary {input.vocabulary} "
        "--embeddings {input.embeddings} "
        "--clusters {input.clusters} "
        "--taxonomy {input.taxonomy} "
        "--assessed {output.assessed} "
        "--metrics {output.metrics}"
