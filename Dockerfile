# A quorate server. There is no RUN: the base may be nothing but a node binary and its libraries,
# made where no image registry can be reached. `npm run image` stages what is copied here (the
# built package with its runtime dependencies in app/, an empty data/) and builds.
#
# A server of an ensemble: CMD ["server", "/conf/zoo.cfg"], that file with `dataDir=/data` and the
# lines `server.N`, and the server's number in /data/myid.
ARG BASE=node:22-slim
FROM ${BASE}
COPY app /opt/quorate
COPY --chown=1000:1000 data /data
USER 1000:1000
VOLUME /data
EXPOSE 2181
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/opt/quorate/dist/cli.js"]
CMD ["server", "2181", "/data"]
