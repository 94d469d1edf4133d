package demo

import (
	"slices"

	"tasksync/internal/simulator"
	"tasksync/task"
)

// part is a row to be inserted: a task of the upstream, with its fate. The task's
// first status requests meet the faults, one each.
type part struct {
	taskType task.Type // empty: a row of the V1 API, which tasksync must not touch
	fate     simulator.Fate
	faults   []simulator.Fault
}

// script has every task type, every way to succeed, every refusal and every
// failure of the provider but one: it takes a minute of real time until a task
// that the provider has forgotten is given up, however fast the demo runs.
var script = slices.Concat( //nolint:gochecknoglobals // a constant table
	parts(task.Generate, simulator.Success, simulator.Ready, simulator.OneClip, simulator.LateItems,
		simulator.Regressing, simulator.Reordered, simulator.Partial, simulator.NullTitles, simulator.UUIDTitles,
		simulator.SourceAudio, simulator.CallbackException, simulator.UnknownStatus,
		simulator.RefusedArtist, simulator.RefusedCopyright, simulator.RefusedModeration, simulator.RefusedMalformed,
		simulator.RefusedPending, simulator.RefusedSilently, simulator.Invalid,
		simulator.CreateFailed, simulator.InternalError, simulator.Stuck, simulator.StuckStreaming),
	parts(task.Extend, simulator.Success, simulator.SourceAudio, simulator.Regressing,
		simulator.RefusedAudio, simulator.RefusedInappropriate, simulator.AudioFailed, simulator.StuckStreaming),
	parts(task.Replace, simulator.Success, simulator.Ready, simulator.RefusedCopyright, simulator.Refunded, simulator.LacksCredits),
	parts(task.Merge, simulator.Success, simulator.Partial, simulator.InternalError, simulator.StuckStreaming),
	parts(task.Lyrics, simulator.Success, simulator.Ready, simulator.OneClip, simulator.LateItems,
		simulator.FailedItem, simulator.NullTitles, simulator.RefusedInappropriate, simulator.RefusedModeration, simulator.Stuck),
	[]part{
		{task.Generate, simulator.Success, []simulator.Fault{simulator.HTTP503, simulator.Cut}},
		{task.Extend, simulator.Success, []simulator.Fault{simulator.Slow, simulator.Empty}},
		{task.Replace, simulator.Success, []simulator.Fault{simulator.HTTP502, simulator.HTML}},
		{task.Merge, simulator.Success, []simulator.Fault{simulator.Maintenance, simulator.TooFrequent}},
		{task.Lyrics, simulator.Success, []simulator.Fault{simulator.HTTP429, simulator.Malformed}},
		{"", simulator.Ready, nil},
	},
)

func parts(taskType task.Type, fates ...simulator.Fate) []part {
	all := make([]part, len(fates))
	for i, fate := range fates {
		all[i] = part{taskType: taskType, fate: fate}
	}
	return all
}
