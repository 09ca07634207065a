/* A plugin beside the one that is tested. It lets in `outsider` with the password `pw`, and `john` with any other
 * password than `wrong`; it allows what begins with `other/`, and nothing else. */
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <string.h>

static mosquitto_plugin_id_t *identifier;

static int on_login(int event, void *data, void *userdata)
{
    const struct mosquitto_evt_basic_auth *login = data;
    (void)event, (void)userdata;
    if (!login->username || !login->password) return MOSQ_ERR_PLUGIN_DEFER;
    if (!strcmp(login->username, "outsider") && !strcmp(login->password, "pw")) return MOSQ_ERR_SUCCESS;
    if (!strcmp(login->username, "john") && strcmp(login->password, "wrong")) return MOSQ_ERR_SUCCESS;
    return MOSQ_ERR_PLUGIN_DEFER;
}

static int on_acl_check(int event, void *data, void *userdata)
{
    const struct mosquitto_evt_acl_check *check = data;
    (void)event, (void)userdata;
    return strncmp(check->topic, "other/", 6) ? MOSQ_ERR_PLUGIN_DEFER : MOSQ_ERR_SUCCESS;
}

int mosquitto_plugin_version(int count, const int *versions)
{
    for (int i = 0; i < count; i++)
        if (versions[i] == 5) return 5;
    return -1;
}

int mosquitto_plugin_init(mosquitto_plugin_id_t *id, void **userdata, struct mosquitto_opt *options, int count)
{
    (void)userdata, (void)options, (void)count;
    identifier = id;
    int code = mosquitto_callback_register(id, MOSQ_EVT_BASIC_AUTH, on_login, NULL, NULL);
    return code ? code : mosquitto_callback_register(id, MOSQ_EVT_ACL_CHECK, on_acl_check, NULL, NULL);
}

int mosquitto_plugin_cleanup(void *userdata, struct mosquitto_opt *options, int count)
{
    (void)userdata, (void)options, (void)count;
    mosquitto_callback_unregister(identifier, MOSQ_EVT_BASIC_AUTH, on_login, NULL);
    mosquitto_callback_unregister(identifier, MOSQ_EVT_ACL_CHECK, on_acl_check, NULL);
    return MOSQ_ERR_SUCCESS;
}
