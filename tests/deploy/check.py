"""Checks the files of deploy/ without running them, and then that each check can fail.

usage: check.py BINARY
"""

import sys

import broken
import certificates
import compose
import configuration
import context
import image
import kubernetes
import proxy
import unit
import url
from deployment import Deployment, problems_of

CHECKS = (compose, kubernetes, image, context, proxy, certificates, url, configuration, unit)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    deployment = Deployment.read(sys.argv[1])
    problems = [problem for check in CHECKS for problem in problems_of(check, deployment)]
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        sys.exit(1)
    silent = list(broken.silent(deployment))
    for line in silent:
        print(f"self-test: {line}", file=sys.stderr)
    if silent:
        sys.exit(1)
    print(f"deploy/ holds; {len(broken.BROKEN)} broken versions of it were found out")


if __name__ == "__main__":
    main()
