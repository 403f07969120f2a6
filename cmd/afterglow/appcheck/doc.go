// Package appcheck reads the scripts of an application that was written for Adobe's server and finds which of the server's API
// they use, and how much of that is there (server-side-api 1.6, 2.2 to 2.15).
//
// Nothing is run. Types are followed as far as a reader would: from handlers (application.onPublish has a Client and a Stream), from
// prototypes (this in Client.prototype.say is a Client), from constructors and from what methods return, through variables,
// properties, arguments and results of the script's own functions. A member that is reached through something of unknown type
// counts only if a single class has a member of that name, and is marked as probable.
package appcheck
