package daemon

import "tasksync/task"

// words translates between the statuses and the application's words for them. The
// Config is valid.
func (c Config) words() task.StatusWords {
	words, _ := task.NewStatusWords(c.StatusWords)
	return words
}

func (c Config) validateWords() error {
	if _, err := task.NewStatusWords(c.StatusWords); err != nil {
		return wrong("StatusWords", "%s", err)
	}
	return nil
}

// providerWords reads column provider.
func (c Config) providerWords() task.ProviderWords {
	named := make([]task.NamedProvider, len(c.Providers))
	for i, p := range c.Providers {
		named[i] = task.NamedProvider{Name: p.Name, Aliases: p.Aliases}
	}
	return task.NewProviderWords(named...)
}
