// Package appload is the load of applications: clients that follow a shared object, and clients that call methods.
//
// Clients are ordinary ones of netconn, so that their processor time is not small: give them a core of their own.
//
//	report, err := appload.Objects(ctx, appload.ObjectOptions{Options: o, Rate: 10})
//	report.WriteTable(os.Stdout)
package appload
