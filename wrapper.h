/* What of the broker's headers the plugin needs. build.rs chooses from them by name. */
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
