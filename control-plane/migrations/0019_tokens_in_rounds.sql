-- Tokens that several organizations are issued at the same moment are written down by one commit, which is of no organization.
grant insert on status_list_entries to agentidp_system;
