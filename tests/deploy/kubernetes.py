"""What kubernetes.yaml must hold."""

import kubernetes_validate

from deployment import image_problems

# The oldest version whose schema the manifest is held against; the newest is the default below.
VERSIONS = ("1.31", "1.37")


def problems(deployment):
    resources = deployment.resources
    for resource in resources:
        place = f"kubernetes.yaml: {resource['kind']} {resource['metadata']['name']}"
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(resource, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                yield f"{place} against {version}: {error.message}"
            except kubernetes_validate.SchemaNotFoundError:
                yield f"{place} against {version}: there is no such kind"
        if resource["kind"] == "Secret":
            yield f"{place} stands in the file"
    by_kind = {resource["kind"]: resource for resource in resources}
    if len(by_kind) != len(resources):
        yield "kubernetes.yaml: two resources of one kind, of which only one is checked"
    wanted = {"StatefulSet", "Service", "Ingress", "PodDisruptionBudget", "NetworkPolicy"}
    if wanted - set(by_kind):
        yield f"kubernetes.yaml: {sorted(wanted - set(by_kind))} missing"
        return
    yield from nodes(deployment, by_kind["StatefulSet"]["spec"])
    yield from pod(deployment, by_kind["StatefulSet"]["spec"]["template"]["spec"])
    yield from reached(deployment, by_kind)
    yield from budget(by_kind)


def nodes(deployment, spec):
    place = "kubernetes.yaml: StatefulSet"
    if spec["replicas"] < 2:
        yield f"{place}: fewer than two nodes"
    if spec["selector"]["matchLabels"] != spec["template"]["metadata"]["labels"]:
        yield f"{place}: the selector does not select its pods"
    claims = {claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", [])}
    container = spec["template"]["spec"]["containers"][0]
    own = [mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] in claims]
    for path in (deployment.configuration["views"]["dir"], deployment.configuration["refused"]["path"]):
        if not any(path.startswith(folder + "/") for folder in own):
            yield f"{place}: {path} of order-ledger.toml is on no volume of the pod's own"
    declared = claims | {volume["name"] for volume in spec["template"]["spec"]["volumes"]}
    for mount in container["volumeMounts"]:
        if mount["name"] not in declared:
            yield f"{place}: the volume {mount['name']} is not declared"
    folders = {mount["mountPath"] for mount in container["volumeMounts"]}
    for folder in ("/tmp", "/etc/order-ledger", "/run/secrets", "/etc/kurrentdb-ca"):
        if folder not in folders:
            yield f"{place}: nothing is mounted at {folder}"


def pod(deployment, spec):
    place = "kubernetes.yaml: StatefulSet"
    context = spec.get("securityContext", {})
    if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
        yield f"{place}: runs as root"
    if spec.get("automountServiceAccountToken") is not False:
        yield f"{place}: has a token of the cluster"
    if any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")):
        yield f"{place}: shares something with the machine"
    if spec.get("terminationGracePeriodSeconds", 0) < 35:
        yield f"{place}: is killed before it has ended by itself"
    for container in spec["containers"] + spec.get("initContainers", []):
        yield from image_problems(place, container["image"])
        own = container.get("securityContext", {})
        if own.get("readOnlyRootFilesystem") is not True:
            yield f"{place}: its root is not read-only"
        if own.get("allowPrivilegeEscalation") is not False or own.get("capabilities") != {"drop": ["ALL"]}:
            yield f"{place}: may gain privileges"
        for probe, path in (("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
            if container.get(probe, {}).get("exec") != {"command": ["order-ledger-probe", path]}:
                yield f"{place}: {probe} does not ask {path}"
        resources = container.get("resources", {})
        if not {"cpu", "memory"} <= set(resources.get("requests", {})) or "memory" not in resources.get("limits", {}):
            yield f"{place}: says nothing about what it needs"
        if [port["containerPort"] for port in container["ports"]] != [deployment.push_port()]:
            yield f"{place}: has another port than that for pushes"
        if any("hostPort" in port for port in container["ports"]):
            yield f"{place}: publishes a port on the machine"
        for variable in container.get("env", []):
            if "value" in variable and any(word in variable["name"] for word in ("PASSWORD", "TOKEN", "KEY", "URL")):
                yield f"{place}: {variable['name']} is a secret and stands in the file"


def reached(deployment, by_kind):
    service = by_kind["Service"]["spec"]
    if service.get("type", "ClusterIP") != "ClusterIP" or [port["port"] for port in service["ports"]] != [8080]:
        yield "kubernetes.yaml: Service: more than the push port, or reached from outside"
    paths = [path for rule in by_kind["Ingress"]["spec"]["rules"] for path in rule["http"]["paths"]]
    if [path["path"] for path in paths] != ["/wechat/"] or "defaultBackend" in by_kind["Ingress"]["spec"]:
        yield "kubernetes.yaml: Ingress: more than /wechat/ is public"
    policy = by_kind["NetworkPolicy"]["spec"]
    if policy["podSelector"] or set(policy["policyTypes"]) != {"Ingress", "Egress"}:
        yield "kubernetes.yaml: NetworkPolicy: does not hold for everything in the namespace"
    for rule in policy["ingress"]:
        if [port.get("port") for port in rule.get("ports", [])] != [deployment.push_port()]:
            yield "kubernetes.yaml: NetworkPolicy: lets others than pushes in"
        sources = rule.get("from", [])
        if not sources or any("namespaceSelector" not in source or "podSelector" not in source for source in sources):
            yield "kubernetes.yaml: NetworkPolicy: lets others than the ingress in"
    for rule in policy["egress"]:
        if not rule.get("to") or not rule.get("ports"):
            yield "kubernetes.yaml: NetworkPolicy: lets anything out"


def budget(by_kind):
    spec = by_kind["PodDisruptionBudget"]["spec"]
    replicas = by_kind["StatefulSet"]["spec"]["replicas"]
    if not 1 <= spec.get("minAvailable", 0) < replicas:
        yield "kubernetes.yaml: PodDisruptionBudget: keeps no node, or lets none be replaced"
    labels = by_kind["StatefulSet"]["spec"]["template"]["metadata"]["labels"]
    for kind, selector in (
        ("PodDisruptionBudget", spec["selector"]["matchLabels"]),
        ("Service", by_kind["Service"]["spec"]["selector"]),
    ):
        if selector != labels:
            yield f"kubernetes.yaml: {kind}: does not select the nodes"
