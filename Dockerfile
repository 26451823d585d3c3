# A server for one model, which is mounted at /model. In a clone:
#   docker build -t wordgate .
#   docker run --rm -p 127.0.0.1:8000:8000 -v "$PWD/model:/model:ro" wordgate
FROM python:3.13-slim AS build
COPY . /wordgate
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels /wordgate

FROM python:3.13-slim
# The extra that predicts with a transformer brings torch: --build-arg EXTRAS=serve,transformer
ARG EXTRAS=serve
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir "$(ls /wheels/wordgate-*.whl)[$EXTRAS]"
USER nobody
EXPOSE 8000
HEALTHCHECK --start-period=20s CMD ["python", "-c", \
    "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/v2/health/ready', timeout=2)"]
ENTRYPOINT ["wordgate"]
CMD ["serve", "/model", "--host", "0.0.0.0"]
