# Builds a wheel and its hashed requirements in one stage, runs them as nobody in particular in the next.
#
#   docker build -t chatserver .
#   docker run -p 8000:8000 -v chatserver-data:/data chatserver
FROM python:3.12-slim@sha256:57cd7c3a7a273101a6485ba99423ee568157882804b1124b4dd04266317710de AS build
WORKDIR /src
COPY requirements/run.lock requirements/run.lock
RUN python -m venv /opt/chatserver \
    && /opt/chatserver/bin/pip install --no-cache-dir --require-hashes -r requirements/run.lock
COPY . .
RUN /opt/chatserver/bin/pip install --no-cache-dir --no-deps .

FROM python:3.12-slim@sha256:57cd7c3a7a273101a6485ba99423ee568157882804b1124b4dd04266317710de
RUN useradd --system --uid 10001 --create-home --home-dir /data chatserver
COPY --from=build /opt/chatserver /opt/chatserver
ENV PATH=/opt/chatserver/bin:$PATH PYTHONUNBUFFERED=1 HOST=0.0.0.0 PORT=8000 DATA_DIR=/data LOG_FORMAT=json
# By number: Kubernetes cannot tell by a name that it is not root.
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/readyz', timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["chatserver"]
CMD ["serve"]
