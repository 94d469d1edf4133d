package looks

import "tasksync/task"

// Short names of the stages.
const (
	submitted = task.StageSubmitted
	stages    = task.Stages
)
