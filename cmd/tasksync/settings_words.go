package main

import (
	"fmt"

	"tasksync/task"
)

// wordsFlags say which words the application has for the statuses.
type wordsFlags struct {
	StatusWords string `env:"TASKSYNC_STATUS_WORDS" placeholder:"PAIRS" help:"Your words for statuses in columns status, where they differ, like complete:completed,failed:error; they are written and read." group:"ends"`
}

func (f wordsFlags) words() (map[task.Status]string, error) {
	words, err := task.ParseStatusWords(f.StatusWords)
	if err != nil {
		return nil, usageError{fmt.Errorf("TASKSYNC_STATUS_WORDS: %w", err)}
	}
	return words, nil
}
