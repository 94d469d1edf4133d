package feed

import (
	"errors"
)

// ErrNoTriggers is returned by TriggersOn and SetTriggers when the database lacks
// the triggers that the migrations make.
var ErrNoTriggers = errors.New("the triggers are missing; run `tasksync migrate up`")

// errTwoPhase is wrapped by the error of Feed.verify in mode auto for a server on which
// the triggers stay quiet and the WAL cannot be read.
var errTwoPhase = errors.New("the server permits two-phase commits (max_prepared_transactions), so new rows are not announced")

// errTriggersOff is returned by Feed.verify in mode auto: the triggers are
// disabled, so a session would hear of no row.
var errTriggersOff = errors.New("the triggers are off")
