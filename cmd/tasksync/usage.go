package main

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"tasksync/daemon"
)

// usageError is an error of the command line rather than of the work.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// asUsage turns an error of the configuration into a usageError that names the
// variable where the daemon names the field of its Config.
func asUsage(err error) error {
	field, ok := errors.AsType[*daemon.FieldError](err)
	switch {
	case ok:
		return usageError{inVariables(field)}
	case errors.Is(err, daemon.ErrConfig):
		return usageError{err}
	case errors.Is(err, daemon.ErrListen):
		return fmt.Errorf("%w; choose another address with %s", err, variableOf("ListenAddr"))
	case errors.Is(err, daemon.ErrListenAdmin):
		return fmt.Errorf("%w; choose another address with %s", err, variableOf("AdminAddr"))
	}
	return err
}

// inVariables returns a field's error with the name of the variable for the field.
func inVariables(e *daemon.FieldError) error {
	name := e.Field[strings.LastIndexByte(e.Field, '.')+1:]
	variable := variableOf(name)
	if variable != "" && e.Provider != "" && !strings.HasPrefix(e.Field, "Providers[0].") {
		variable = providerPrefix(e.Provider) + strings.TrimPrefix(variable, generalPrefix)
	}
	switch name {
	case "New", "Name": // of a provider that is not built in
		return fmt.Errorf("%w: %s %q is not one of %s", daemon.ErrConfig, variableOf("Provider"), e.Provider, strings.Join(providerNames(), ", "))
	case "APIKey":
		return fmt.Errorf("%s, or %s_FILE with a file that holds it", e.Says(variable), variable)
	}
	return errors.New(e.Says(cmp.Or(variable, e.Field)))
}

// variableOf returns the variable that sets a field of daemon.Config, or of its
// parts: the flag has the name of the field. Empty: there is no variable.
func variableOf(field string) string {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[runCmd]()) {
		if f.Name == field {
			return f.Tag.Get("env")
		}
	}
	return ""
}
