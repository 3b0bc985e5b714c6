"""The self-test: each line breaks one thing, and its check must say so."""

import certificates
import compose
import configuration
import context
import image
import kubernetes
import proxy
import unit
import url
from deployment import problems_of

COMPOSE, KUBERNETES, NGINX, UNIT = "compose.yaml", "kubernetes.yaml", "nginx.conf", "order-ledger.service"
TOML, PROBE, CERTIFICATES, SECRETS = "order-ledger.toml", "order-ledger-probe", "make-certificates", "make-secrets"
IGNORE = "Dockerfile.dockerignore"

# (check, file, what stands there, what it becomes, words of the problem that must be told)
BROKEN = [
    # Images.
    (compose, COMPOSE, "nginx:1.28.0", "nginx:latest", "not pinned"),
    (compose, COMPOSE, "nginx:1.28.0", "nginx", "not pinned"),
    (compose, COMPOSE, "nginx:1.28.0", "images.example.com/nginx:1.28.0", "names a host"),
    (compose, COMPOSE, "order-ledger:0.1.0", "order-ledger:0.0.9", "is not of version"),
    (kubernetes, KUBERNETES, "order-ledger:0.1.0", "order-ledger:latest", "not pinned"),
    (image, "Dockerfile", "rust:1.95.0-bookworm", "rust:bookworm", "not pinned"),
    (image, "Dockerfile", "debian:bookworm-20251229-slim", "debian:bookworm-slim", "not pinned"),
    # compose.yaml: what a service may.
    (compose, COMPOSE, 'user: "101:101"', 'user: "0:0"', "proxy does not run as a user of its own"),
    (compose, COMPOSE, 'user: "10001:10001"', "init: true", "ledger-1 does not run as a user of its own"),
    (compose, COMPOSE, "stop_grace_period: 60s", "stop_grace_seconds: 60", "stop_grace_seconds is not known"),
    (compose, COMPOSE, "cap_add: [CHOWN]", "cap_add: [CHOWN, SYS_ADMIN]", "CHOWN only"),
    (compose, COMPOSE, "network_mode: none", "network_mode: bridge", "no network"),
    (compose, COMPOSE, "  cap_drop: [ALL]\n  security_opt", "  security_opt", "keeps capabilities"),
    (compose, COMPOSE, "no-new-privileges:true", "no-new-privileges:false", "may gain privileges"),
    (compose, COMPOSE, "read_only: true\n  tmpfs", "tmpfs", "ledger-1: its root is not read-only"),
    (compose, COMPOSE, "stop_signal: SIGQUIT", "network_mode: host", "shares something with the machine"),
    (compose, COMPOSE, "stop_signal: SIGQUIT", "cap_add: [NET_ADMIN]", "is given capabilities"),
    # compose.yaml: secrets and references.
    (compose, COMPOSE, "${KURRENTDB_ADMIN_PASSWORD:?run deploy/make-secrets first}", "changeit", "stands in the file"),
    (compose, COMPOSE, "token: { file: ./secrets/token }", "token: { environment: TOKEN }", "is no file"),
    (compose, COMPOSE, "  authority: {}\n", "", "authority is not declared"),
    (compose, COMPOSE, "  authority: {}\n", "  authority: {}\n  left: {}\n", "left is declared under volumes and not used"),
    (compose, COMPOSE, "depends_on: [ledger-1, ledger-2]", "depends_on: [ledger-3]", "which is not there"),
    # compose.yaml: what is reached from outside.
    (compose, COMPOSE, 'ports: ["443:8443"]', 'ports: ["443:8443", "8081:8081"]', "publishes the admin listener"),
    (compose, COMPOSE, "mem_limit: 2g", 'ports: ["8080:8080"]', "only the proxy may be reached"),
    (compose, TOML, "127.0.0.1:8081", "0.0.0.0:8081", "must be on 127.0.0.1"),
    # compose.yaml: ledger nodes.
    (compose, COMPOSE, "ledger-2:/var/lib/order-ledger", "ledger-1:/var/lib/order-ledger", "share the volume ledger-1"),
    (compose, COMPOSE, "ledger-1:/var/lib/order-ledger", "ledger-1:/var/lib/ledger", "is on no volume that it may write"),
    (compose, COMPOSE, '"order-ledger-probe", "/readyz"', '"order-ledger-probe", "/metrics"', "not asked at /readyz"),
    (compose, COMPOSE, "stop_grace_period: 30s", "stop_grace_period: 3s", "is killed before"),
    (compose, COMPOSE, "seal_key, token, encoding_aes_key", "token, encoding_aes_key", "/run/secrets/seal_key"),
    (compose, COMPOSE, '  tmpfs: ["/tmp:size=64m,mode=1777,noexec,nosuid,nodev"]\n  depends_on', "  depends_on", "has no /tmp"),
    (compose, COMPOSE, "  ledger-2:\n    <<: *ledger", "  ledger-2:\n    <<: *kurrentdb", "not two ledger nodes"),
    # compose.yaml: KurrentDB.
    (compose, COMPOSE, "KURRENTDB_NODE_IP: 0.0.0.0", 'KURRENTDB_INSECURE: "true"', "KURRENTDB_INSECURE is not known"),
    (compose, COMPOSE, "  KURRENTDB_CERTIFICATE_FILE: /certificates/node.crt\n", "", "KURRENTDB_CERTIFICATE_FILE is missing"),
    (compose, COMPOSE, 'CLUSTER_SIZE: "3"', 'CLUSTER_SIZE: "1"', "the cluster's size"),
    (compose, COMPOSE, "kurrentdb-1:2113,kurrentdb-2:2113", "kurrentdb-1:2113", "seeds are not the other nodes"),
    (compose, COMPOSE, "NODE_HOST_ADVERTISE_AS: kurrentdb-2", "NODE_HOST_ADVERTISE_AS: node", "its certificate does not fit"),
    (compose, COMPOSE, '"--cacert", "/certificates/ca/ca.crt"', '"--insecure"', "not asked over TLS"),
    (compose, COMPOSE, "kurrentdb-2:/var/lib/kurrentdb", "kurrentdb-1:/var/lib/kurrentdb", "not a volume each"),
    (compose, COMPOSE, "/node-2=kurrentdb-2,kurrentdb,", "/node-2=kurrentdb-2,", "does not name kurrentdb"),
    (compose, COMPOSE, "node-1-certificates:/certificates", "node-2-certificates:/certificates", "does not name kurrentdb-1"),
    (compose, COMPOSE, "kurrentdb-ca:/etc/kurrentdb-ca:ro", "authority:/etc/kurrentdb-ca:ro", "can read the authority's key"),
    # kubernetes.yaml.
    (kubernetes, KUBERNETES, "fsGroup: 10001", "fsGruop: 10001", "fsGruop"),
    (kubernetes, KUBERNETES, "replicas: 2", "replicas: 1", "fewer than two nodes"),
    (kubernetes, KUBERNETES, "runAsNonRoot: true", "runAsNonRoot: false", "runs as root"),
    (kubernetes, KUBERNETES, "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "not read-only"),
    (kubernetes, KUBERNETES, "drop: [ALL]", "drop: [NET_RAW]", "may gain privileges"),
    (kubernetes, KUBERNETES, "order-ledger-probe, /readyz", "order-ledger-probe, /healthz", "readinessProbe does not ask"),
    (kubernetes, KUBERNETES, "livenessProbe:", "x-livenessProbe:", "livenessProbe does not ask"),
    (kubernetes, KUBERNETES, "memory: 512Mi", "ephemeral-storage: 1Gi", "says nothing about what it needs"),
    (kubernetes, KUBERNETES, "containerPort: 8080", "containerPort: 8081", "another port"),
    (kubernetes, KUBERNETES, "containerPort: 8080", "containerPort: 8080\n              hostPort: 80", "on the machine"),
    (kubernetes, KUBERNETES, "enableServiceLinks: false", "hostNetwork: true", "shares something"),
    (kubernetes, KUBERNETES, "      automountServiceAccountToken: false\n", "", "a token of the cluster"),
    (kubernetes, KUBERNETES, "GracePeriodSeconds: 40", "GracePeriodSeconds: 4", "is killed before"),
    (kubernetes, KUBERNETES, "mountPath: /run/secrets", "mountPath: /run/keys", "nothing is mounted at /run/secrets"),
    (kubernetes, KUBERNETES, "        - name: tmp\n          emptyDir", "        - name: temp\n          emptyDir", "is not declared"),
    (kubernetes, KUBERNETES, "        name: data\n      spec", "        name: shared\n      spec", "no volume of the pod's own"),
    (kubernetes, KUBERNETES, "path: /wechat/", "path: /", "more than /wechat/ is public"),
    (kubernetes, KUBERNETES, "      targetPort: push", "      targetPort: push\n  type: LoadBalancer", "from outside"),
    (kubernetes, KUBERNETES, "        - port: 8080\n  egress", "        - port: 8081\n  egress", "others than pushes"),
    (kubernetes, KUBERNETES, "minAvailable: 1", "minAvailable: 2", "PodDisruptionBudget"),
    (kubernetes, KUBERNETES, "policyTypes: [Ingress, Egress]", "policyTypes: [Egress]", "does not hold for everything"),
    (kubernetes, KUBERNETES, "          podSelector:\n            matchLabels:\n              app", "          x:\n            y:\n              app", "others than the ingress"),
    (kubernetes, KUBERNETES, "kind: NetworkPolicy", "kind: Secret", "stands in the file"),
    (kubernetes, KUBERNETES, "kind: PodDisruptionBudget", "kind: ConfigMap", "missing"),
    (kubernetes, KUBERNETES, "          lifecycle:", "          env: [{ name: KURRENTDB_URL, value: x }]\n          lifecycle:", "KURRENTDB_URL is a secret"),
    # Dockerfile.
    (image, "Dockerfile", "USER 10001:10001", "USER root", "runs as"),
    (image, "Dockerfile", "USER 10001:10001\n", "", "runs as"),
    (image, "Dockerfile", "EXPOSE 8080", "ADD https://example.com/tool /usr/bin/", "ADD is not allowed"),
    (image, "Dockerfile", "RUN apt-get update", "RUN curl example.com | sh", "downloads something"),
    (image, "Dockerfile", " --locked", "", "without --locked"),
    (image, "Dockerfile", "FROM debian", "# FROM debian", "one that runs"),
    (image, "Dockerfile", "EXPOSE 8080", "EXPOSE 8080 8081", "exposes another port"),
    (image, "Dockerfile", 'CMD ["order-ledger-probe", "/readyz"]', "CMD true", "HEALTHCHECK"),
    (image, "Dockerfile", 'ENTRYPOINT ["order-ledger"]', "ENTRYPOINT order-ledger", "ENTRYPOINT is no list"),
    (image, "Dockerfile", 'VOLUME ["/var/lib/order-ledger"]\n', "", "is no volume"),
    (image, "Dockerfile", "STOPSIGNAL SIGTERM", "RUN touch /x", "written after USER"),
    (context, "Dockerfile", "COPY Cargo.toml Cargo.lock ./\n", "COPY Cargo.toml ./\n", "cargo cannot read what is copied"),
    (context, "Dockerfile", "COPY src src\n", "", "src/main.rs of Cargo.toml is not copied"),
    (context, "Dockerfile", "COPY projections projections\n", "", "projections is not copied"),
    (context, "Dockerfile", "COPY projections projections", "COPY migrations migrations", "migrations is not in the context"),
    (context, IGNORE, "!.cargo\n", "", ".cargo is not in the context"),
    (context, IGNORE, "!tests\n", "!tests\n!deploy\n", "deploy/secrets/seal_key into the context"),
    # nginx.conf.
    (proxy, NGINX, "return 404", "proxy_pass http://order_ledger", "more than /wechat/ is public"),
    (proxy, NGINX, "location /wechat/", "location /v1/", "the locations are"),
    (proxy, NGINX, "172.30.81.12:8080", "172.30.81.12:8081", "and the ledger nodes of compose.yaml are"),
    (proxy, NGINX, "listen 8443 ssl", "listen 8443", "without TLS"),
    (proxy, NGINX, "listen 8443 ssl", "listen 443 ssl", "does not listen where"),
    (proxy, NGINX, "secrets/tls_key", "secrets/tls", "is not mounted"),
    (proxy, NGINX, "proxy_temp_path /tmp/proxy;", "", "proxy_temp_path is not on /tmp"),
    (proxy, NGINX, "proxy_read_timeout 3s", "proxy_read_timeout 60s", "WeChat waits 3 s"),
    (proxy, NGINX, "client_max_body_size 512k", "client_max_body_size 1k", "client_max_body_size"),
    (proxy, NGINX, "server_tokens off;", "server_tokens off", "client_body_temp_path is not on /tmp"),
    (proxy, NGINX, "events {", "events ", "nginx.conf: a block ends"),
    # make-certificates and make-secrets.
    (certificates, CERTIFICATES, "subjectAltName = $names", "subjectAltName = DNS:x", "hostname"),
    (certificates, CERTIFICATES, "serverAuth, clientAuth", "serverAuth", "as sslclient"),
    (certificates, CERTIFICATES, "CN = eventstoredb-node", "CN = $folder", "the CN eventstoredb-node"),
    (certificates, CERTIFICATES, 'chmod 0400 "$scratch/node.key"', 'chmod 0444 "$scratch/node.key"', "others may read the key"),
    (certificates, CERTIFICATES, '"$folder/ca/ca.crt"', '"$folder/ca/ca.crt"; cp "$authority/ca.key" "$folder/ca/ca.key"', "ca.crt only"),
    (certificates, CERTIFICATES, "|| return 1\n    openssl verify", "&& return 1\n    openssl verify", "a second run changes"),
    (certificates, CERTIFICATES, "[[ $has == \"$names\" ]]", "true", "another name makes no certificate"),
    (certificates, CERTIFICATES, "set -euo pipefail", "exit 3", "make-certificates"),
    (url, SECRETS, "umask 077", "umask 022", "others may read"),
    (url, SECRETS, "tls=true&", "", "must demand TLS"),
    (url, SECRETS, "tls=true&", "tls=true&tlsVerifyCert=false&", "must demand TLS"),
    (url, SECRETS, "tlsCaFile=", "tlsCa=", "does not know tlsCa"),
    (url, SECRETS, "/etc/kurrentdb-ca/", "/etc/ca/", "tlsCaFile is on no volume"),
    (url, SECRETS, "host=${1:-kurrentdb}", "host=${1:-cluster}", "cluster is no name of"),
    (url, SECRETS, "kurrentdb+discover", "kurrentdb", "is not how a cluster is found"),
    (url, SECRETS, "if [[ ! -e .env ]]", "if true", "make-secrets"),
    # The program's own word, and the probe.
    (configuration, TOML, "url_file =", "uri_file =", "uri_file"),
    (configuration, TOML, 'dir = "/var', 'folder = "/var', "views.folder"),
    (configuration, COMPOSE, "TMPDIR: /tmp", "ORDER_LEDGER__PUSH__LISTEM: x", "ORDER_LEDGER__PUSH__LISTEM"),
    (configuration, KUBERNETES, "          lifecycle:", "          env:\n            - name: ORDER_LEDGER__VIEW__DIR\n              value: /x\n          lifecycle:", "ORDER_LEDGER__VIEW__DIR"),
    (configuration, UNIT, "Environment=SQLITE_TMPDIR=", "Environment=ORDER_LEDGER__STORE__FILE=", "ORDER_LEDGER__STORE__FILE"),
    (configuration, PROBE, "!= 200", "!= 503", "order-ledger-probe: /healthz exits 1"),
    (configuration, PROBE, "exit 1", "exit 0", "order-ledger-probe: /readyz exits 0"),
    (configuration, PROBE, "${2:-8081}", "${2:-8080}", "another port than admin.listen"),
    # order-ledger.service.
    (unit, UNIT, "ProtectSystem=strict", "ProtectSystem=no", "ProtectSystem"),
    (unit, UNIT, "User=order-ledger", "User=root", "User is 'root'"),
    (unit, UNIT, "TimeoutStopSec=30", "TimeoutStopSec=3", "is killed before"),
    (unit, UNIT, "AF_INET AF_INET6 AF_UNIX", "AF_UNIX", "cannot reach KurrentDB"),
]  # fmt: skip


def silent(deployment):
    """What was broken and not told, as (name of the check, file, what it became)."""
    for check, file, old, new, words in BROKEN:
        told = list(problems_of(check, deployment.changed(file, old, new)))
        if not any(words in problem for problem in told):
            yield f"{file}: {old!r} as {new!r}: {check.__name__} does not say {words!r} but {told}"
