package daemon

import (
	"bytes"
	"io"
	"log/slog"

	"tasksync/task"
	"tasksync/upstream"
)

// maxStandardLine is how much of a line of the standard log is kept, in bytes.
const maxStandardLine = 200

// StandardLog is a writer for the standard log package, where net/http writes lines
// of its own: each line becomes a warning of logger. The part of a response that
// such a line quotes is cut out, since it may hold a prompt or a key.
//
// The program, not the daemon, calls log.SetOutput: there is one standard log in a
// process.
func StandardLog(logger *slog.Logger) io.Writer { return standardLog{logger} }

type standardLog struct{ logger *slog.Logger }

// Write takes one line, as package log writes it.
func (l standardLog) Write(line []byte) (int, error) {
	first, _, _ := bytes.Cut(line, []byte("\n"))
	text := task.Redact(upstream.DropQuoted(string(first)))
	l.logger.Warn("[TaskSync] A library wrote to the standard log", "line", text[:min(len(text), maxStandardLine)])
	return len(line), nil
}
