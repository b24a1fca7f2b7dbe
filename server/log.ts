/**
 * The log, as the server's rooms see it: a few lines a minute, each a sentence and its fields.
 * pino stays behind this type, so that a simulated server logs into memory.
 */
import { destination, pino, stdTimeFunctions } from "pino";
import type { LogLevel } from "./config/config.ts";

export interface Logger {
  debug: LogLine;
  info: LogLine;
  warn: LogLine;
  error: LogLine;
}

/** `fields` are for machines, `message` is one sentence for people. */
export type LogLine = (fields: LogFields, message: string) => void;

export type LogFields = Readonly<Record<string, unknown>>;

/**
 * One JSON object a line on standard output. Written synchronously: what a server says right
 * before it stops is what somebody will look for.
 */
export function openLog(level: LogLevel): Logger {
  return pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination({ dest: 1, sync: true }),
  );
}
