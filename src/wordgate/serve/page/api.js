// What the page asks of its server: every answer is JSON, every failure becomes words.

const KEY = "wordgate-key";
const PAUSES = [1, 2, 4, 8, 15]; // seconds, where the server names none

/** The server answered, and said no. */
export class Refused extends Error {
  constructor(status, code, message, retryAfter) {
    super(message);
    Object.assign(this, { status, code, retryAfter });
  }
}

/** No answer came. */
export class Unreachable extends Error {}

let askForKey = async () => null;
let asking = null;

/** Say how to ask the user for a key: a function of "was there one?" that gives it, or null. */
export function onKeyNeeded(how) {
  askForKey = how;
}

/**
 * Ask the server, once; where it wants a key, the user is asked for one.
 * @param {string} path Where, such as "v1/predict".
 * @param {object} [body] What; without it this is a GET.
 * @param {AbortSignal} [signal] Ends the request.
 */
export async function ask(path, body, signal) {
  for (;;) {
    const key = sessionStorage.getItem(KEY);
    const response = await sent(path, body, signal, key);
    if (response.status !== 401) return answered(response, signal);
    const refused = await refusal(response);
    if (sessionStorage.getItem(KEY) !== key) continue; // another request has found it meanwhile
    asking ??= askForKey(key !== null).finally(() => { asking = null; });
    const given = await asking;
    if (given === null) throw refused;
    sessionStorage.setItem(KEY, given);
  }
}

async function sent(path, body, signal, key) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key !== null) headers.Authorization = `Bearer ${key}`;
  try {
    return await fetch(new URL(path, document.baseURI), {
      method: body === undefined ? "GET" : "POST",
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      cache: "no-store",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Unreachable("The server cannot be reached");
  }
}

async function answered(response, signal) {
  if (!response.ok) throw await refusal(response);
  try {
    return await response.json();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Unreachable("The server's response was incomplete");
  }
}

async function refusal(response) {
  let error = {};
  try {
    error = (await response.json()).error ?? {};
  } catch { /* what a proxy in between says is seldom JSON */ }
  const message = error.message ?? `The server responded with ${response.status} ${response.statusText}`.trim();
  return new Refused(response.status, error.code ?? null, message, seconds(response.headers.get("Retry-After")));
}

function seconds(header) {
  if (header === null) return null;
  const number = /^\d+$/.test(header.trim()) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isFinite(number) ? Math.min(Math.max(number, 0), 120) : null;
}

/** Tell whether the same request may well succeed later. */
export function passing(error) {
  return error instanceof Unreachable || (error instanceof Refused && [429, 502, 503].includes(error.status));
}

/**
 * Ask until there is an answer, waiting as long as the server asks for, or longer each time.
 * @param {(error: Error, seconds: number) => void} waiting Told before each pause.
 * @param {number} tries How often at most.
 */
export async function askPatiently(path, body, { signal, waiting = () => {}, tries = Infinity } = {}) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await ask(path, body, signal);
    } catch (error) {
      if (!passing(error) || attempt + 1 >= tries) throw error;
      const pause = error.retryAfter ?? PAUSES[Math.min(attempt, PAUSES.length - 1)];
      waiting(error, pause);
      await paused(1000 * pause, signal, error instanceof Unreachable);
    }
  }
}

/** Wait; no longer than until the network is back, where that was the trouble. */
export function paused(milliseconds, signal, orOnline = false) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const over = () => { clear(); resolve(); };
    const ended = () => { clear(); reject(signal.reason); };
    const timer = setTimeout(over, milliseconds);
    function clear() {
      clearTimeout(timer);
      window.removeEventListener("online", over);
      signal?.removeEventListener("abort", ended);
    }
    signal?.addEventListener("abort", ended);
    if (orOnline) window.addEventListener("online", over);
    return undefined;
  });
}

/** Say a failure, and what becomes of it. */
export function failureText(error, pause = null) {
  const why = error.message.replace(/[.\s]+$/, "");
  if (pause !== null) return `${why}. Trying again ${pause < 1 ? "now" : `in ${Math.ceil(pause)} s`} …`;
  return `${why}.`;
}
