# The image of both programs: a pod says which of them it is by its arguments, `operator/main.js …` or `mta/main.js …`.
# (One image: they are one version, share most of what they load, and a node that has one has both.)
#
#   npm run image:files
#   docker buildx build --platform linux/amd64,linux/arm64 -t REGISTRY/postrider:VERSION --push .
#
# BASE is whatever has Node.js 24 as `node` in /nodejs/bin, /usr/local/bin, /usr/bin or /bin, with what that needs to run.
# Nothing else of it is used: no shell, no package manager, no user. Nothing is run while the image is built, and nothing in it is
# made for one architecture, so that any platform is built on any other. TLS with next hops trusts the authorities that Node brings.
ARG BASE=gcr.io/distroless/nodejs24-debian12:nonroot
FROM ${BASE}

# Made by `npm run image:files`: /app, with the programs, what they depend on, and what that is (sbom.cdx.json).
COPY --chown=0:0 dist/image/ /

ENV PATH=/nodejs/bin:/usr/local/bin:/usr/bin:/bin NODE_ENV=production
WORKDIR /app
# As operator/objects/fleet.ts has it: the queue's files are this user's.
USER 10001:10001
ENTRYPOINT ["node"]
CMD ["operator/main.js", "--help"]

ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="postrider" \
      org.opencontainers.image.description="Mail infrastructure on Kubernetes: the operator and the mta" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
