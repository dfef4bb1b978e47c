"""The conversation with LDAP or Active Directory. Blocking, with deadlines; callers run it off the event loop."""
